"""A pipeline (not a transaction) asks for a few windows at a time."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

WINDOWS = 8


def walk(key: str, chunk: int) -> Iterator[str]:
    length = r.llen(key)
    for block in range(0, length, chunk * WINDOWS):
        asked = r.pipeline(transaction=False)
        for start in range(block, min(block + chunk * WINDOWS, length), chunk):
            asked.lrange(key, start, start + chunk - 1)
        for items in asked.execute():
            yield from items
