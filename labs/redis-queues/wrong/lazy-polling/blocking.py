"""Asks rarely, and sleeps in the program."""

import os
import time

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    end = time.monotonic() + timeout
    while (job := r.lpop(QUEUE)) is None and time.monotonic() < end:
        time.sleep(0.4)
    return job
