"""Asks the lists in the wrong order."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

LISTS = [f"priority:{name}" for name in ("low", "normal", "high")]


def submit(job: str, priority: str) -> None:
    r.rpush(f"priority:{priority}", job)


def take() -> str | None:
    popped = r.lmpop(len(LISTS), *LISTS, direction="LEFT", count=1)
    return popped[1][0] if popped else None
