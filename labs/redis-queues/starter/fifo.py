"""A queue: first in, first out."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def put(job: str) -> None:
    """Add a job at the end of the queue."""
    raise NotImplementedError


def take() -> str | None:
    """Remove and return the job that has waited longest; None if there is none."""
    raise NotImplementedError
