"""In at one end, out at the other."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STACK = "lifo:items"


def push(item: str) -> None:
    r.rpush(STACK, item)


def pop() -> str | None:
    return r.lpop(STACK)
