"""Looks at the top, then pops whatever is on top by then."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STACK = "lifo:items"


def push(item: str) -> None:
    r.lpush(STACK, item)


def pop() -> str | None:
    top = r.lindex(STACK, 0)
    if top is not None:
        r.lpop(STACK)
    return top
