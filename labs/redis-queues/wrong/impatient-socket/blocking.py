"""Every command must be answered within two seconds, also one that waits longer."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True, socket_timeout=2)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=timeout)
    return popped[1] if popped else None
