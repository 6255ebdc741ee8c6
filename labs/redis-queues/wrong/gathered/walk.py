"""All windows, put together in one list."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    everything, start = [], 0
    while items := r.lrange(key, start, start + chunk - 1):
        everything += items
        start += len(items)
    return everything
