"""One list for every priority."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "priority:jobs"


def submit(job: str, priority: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    return r.lpop(QUEUE)
