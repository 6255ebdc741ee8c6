"""A script fetches a thousand items at a time."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

WINDOW = r.register_script("return redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[1] + 999)")


def walk(key: str, chunk: int) -> Iterator[str]:
    start = 0
    while items := WINDOW(keys=[key], args=[start]):
        yield from items
        start += len(items)
