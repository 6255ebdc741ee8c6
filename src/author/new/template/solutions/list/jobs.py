"""A queue on one list: in at the tail, out at the head."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take() -> str | None:
    return r.lpop(QUEUE)
