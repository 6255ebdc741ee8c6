"""A queue that looks first and removes afterwards."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    job = r.lindex(QUEUE, 0)
    if job is not None:
        r.lrem(QUEUE, 1, job)
    return job
