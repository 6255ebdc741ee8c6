"""Reads the head and cuts it off in a second command."""

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
    r.ltrim(QUEUE, 1, -1)
    return head[0]
