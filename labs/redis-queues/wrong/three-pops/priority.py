"""A list for each priority, asked one after the other."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

LISTS = {name: f"priority:{name}" for name in ("high", "normal", "low")}


def submit(job: str, priority: str) -> None:
    r.rpush(LISTS[priority], job)


def take() -> str | None:
    for queue in LISTS.values():
        job = r.lpop(queue)
        if job is not None:
            return job
    return None
