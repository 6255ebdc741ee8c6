"""The score says when an item came; an equal item only gets another score."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STACK = "lifo:items"
NUMBER = "lifo:number"


def push(item: str) -> None:
    r.zadd(STACK, {item: r.incr(NUMBER)})


def pop() -> str | None:
    popped = r.zpopmax(STACK)
    return popped[0][0] if popped else None
