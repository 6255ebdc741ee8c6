"""In and out at the same end."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"


def put(job: str) -> None:
    r.lpush(QUEUE, job)


def take() -> str | None:
    return r.lpop(QUEUE)
