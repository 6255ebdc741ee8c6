"""A take that waits a second for a job of any priority."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

LISTS = {name: f"priority:{name}" for name in ("high", "normal", "low")}


def submit(job: str, priority: str) -> None:
    r.rpush(LISTS[priority], job)


def take() -> str | None:
    popped = r.blpop(list(LISTS.values()), timeout=1)
    return popped[1] if popped else None
