"""Blocks, but for a moment at a time: polling by another name."""

import os
import time

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        popped = r.blpop([QUEUE], timeout=0.02)
        if popped:
            return popped[1]
    return None
