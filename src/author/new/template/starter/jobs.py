"""A queue that several workers share."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def put(job: str) -> None:
    """Add a job at the end of the queue."""
    raise NotImplementedError


def take() -> str | None:
    """Remove and return the oldest job; None if the queue is empty."""
    raise NotImplementedError
