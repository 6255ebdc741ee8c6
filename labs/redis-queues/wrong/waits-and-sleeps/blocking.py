"""Waits a second in Redis, and sleeps two, by turns."""

import os
import time

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    end = time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        if popped := r.blpop([QUEUE], timeout=min(left, 1)):
            return popped[1]
        time.sleep(min(max(end - time.monotonic(), 0), 2))
    return None
