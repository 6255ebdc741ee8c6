"""A queue whose idle workers sleep inside Redis."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def put(job: str) -> None:
    """Add a job at the end of the queue."""
    raise NotImplementedError


def take(timeout: float) -> str | None:
    """Remove and return the oldest job, waiting for one if need be.

    Waits at most `timeout` seconds (above zero, may be a fraction), then returns None.
    """
    raise NotImplementedError
