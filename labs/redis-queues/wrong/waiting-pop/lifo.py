"""A pop that waits a second for something to arrive."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STACK = "lifo:items"


def push(item: str) -> None:
    r.lpush(STACK, item)


def pop() -> str | None:
    popped = r.blpop([STACK], timeout=1)
    return popped[1] if popped else None
