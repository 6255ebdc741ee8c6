"""A take that waits a second for something to arrive."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    popped = r.blpop([QUEUE], timeout=1)
    return popped[1] if popped else None
