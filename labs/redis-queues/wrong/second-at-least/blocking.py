"""Whole seconds, but never zero, for that would be for ever."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=max(1, int(timeout)))
    return popped[1] if popped else None
