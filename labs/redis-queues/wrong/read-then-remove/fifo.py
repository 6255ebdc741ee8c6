"""Reads the head and removes it by value, without asking whether it was still there."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    head = r.lrange(QUEUE, 0, 0)
    if not head:
        return None
    r.lrem(QUEUE, 1, head[0])
    return head[0]
