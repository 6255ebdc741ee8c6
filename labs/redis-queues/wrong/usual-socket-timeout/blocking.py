"""A socket timeout as it stands in many settings; the client tries again, and then gives up."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True, socket_timeout=3)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=timeout)
    return popped[1] if popped else None
