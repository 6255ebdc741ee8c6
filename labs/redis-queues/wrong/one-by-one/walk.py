"""A command for each item, and each one slower the further it is from an end."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    for position in range(r.llen(key)):
        yield r.lindex(key, position)
