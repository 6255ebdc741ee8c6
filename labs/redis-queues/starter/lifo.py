"""A stack: last in, first out."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def push(item: str) -> None:
    """Lay an item on top of the stack."""
    raise NotImplementedError


def pop() -> str | None:
    """Remove and return the item on top; None if the stack is empty."""
    raise NotImplementedError
