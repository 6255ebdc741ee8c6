"""Windows of a size of its own."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

CHUNK = 1000


def walk(key: str, chunk: int) -> Iterator[str]:
    start = 0
    while items := r.lrange(key, start, start + CHUNK - 1):
        yield from items
        start += CHUNK
