"""Tidies up: the key of a queue that is empty is deleted."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    if r.llen(QUEUE) == 0:
        r.delete(QUEUE)
        return None
    return r.lpop(QUEUE)
