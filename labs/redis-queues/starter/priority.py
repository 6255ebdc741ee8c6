"""A queue with three priorities."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def submit(job: str, priority: str) -> None:
    """Add a job; priority is "high", "normal" or "low"."""
    raise NotImplementedError


def take() -> str | None:
    """Remove and return the most urgent job, among equals the one that came first.

    None if there is none.
    """
    raise NotImplementedError
