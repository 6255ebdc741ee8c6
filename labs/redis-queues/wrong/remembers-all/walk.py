"""Notes every item that it has given, so as not to give one twice."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    given, start = [], 0
    while items := r.lrange(key, start, start + chunk - 1):
        for item in items:
            given.append((start, item))
            yield item
        start += len(items)
