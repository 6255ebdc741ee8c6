"""Rounds the timeout up: who can wait for a tenth of a second waits for a whole one."""

import math
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=math.ceil(timeout))
    return popped[1] if popped else None
