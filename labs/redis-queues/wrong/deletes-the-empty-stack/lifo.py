"""Tidies up: the key of a stack that is empty is deleted."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STACK = "lifo:items"


def push(item: str) -> None:
    r.lpush(STACK, item)


def pop() -> str | None:
    if r.llen(STACK) == 0:
        r.delete(STACK)
        return None
    return r.lpop(STACK)
