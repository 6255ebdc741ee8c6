"""Windows, all in one transaction: the server does them in one go."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    asked = r.pipeline()
    for start in range(0, r.llen(key), chunk):
        asked.lrange(key, start, start + chunk - 1)
    for items in asked.execute():
        yield from items
