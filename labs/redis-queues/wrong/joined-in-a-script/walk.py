"""The whole list as one text, joined by a script."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    joined = r.eval("return table.concat(redis.call('LRANGE', KEYS[1], 0, -1), '\\n')", 1, key)
    yield from joined.split("\n") if joined else []
