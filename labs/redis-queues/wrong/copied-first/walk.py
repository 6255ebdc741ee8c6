"""Walks over a copy, so that nobody changes the list meanwhile."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    start = 0
    copy = f"{key}:walk"
    r.copy(key, copy, replace=True)
    while items := r.lrange(copy, start, start + chunk - 1):
        yield from items
        start += len(items)
