"""A sorted set whose equal scores come out in the order of their bytes."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

SCORES = {"high": 0, "normal": 1, "low": 2}


def submit(job: str, priority: str) -> None:
    r.zadd("priority:jobs", {job: SCORES[priority]})


def take() -> str | None:
    popped = r.zpopmin("priority:jobs")
    return popped[0][0] if popped else None
