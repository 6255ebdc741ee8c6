"""A list for each priority, asked in order of urgency by one command."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

LISTS = {name: f"priority:{name}" for name in ("high", "normal", "low")}


def submit(job: str, priority: str) -> None:
    r.rpush(LISTS[priority], job)


def take() -> str | None:
    popped = r.lmpop(len(LISTS), *LISTS.values(), direction="LEFT", count=1)
    return popped[1][0] if popped else None
