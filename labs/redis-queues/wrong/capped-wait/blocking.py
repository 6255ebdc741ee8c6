"""Nobody waits longer than two seconds, whatever the caller says."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=min(timeout, 2))
    return popped[1] if popped else None
