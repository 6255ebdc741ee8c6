"""Waits until something is there, and takes it with a second command."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    if r.blmove(QUEUE, QUEUE, timeout, "LEFT", "LEFT") is None:
        return None
    return r.lpop(QUEUE)
