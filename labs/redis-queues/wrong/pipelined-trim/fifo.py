"""Reads the head and cuts it off, both in one packet."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    pipeline = r.pipeline(transaction=False)
    pipeline.lrange(QUEUE, 0, 0)
    pipeline.ltrim(QUEUE, 1, -1)
    head, _ = pipeline.execute()
    return head[0] if head else None
