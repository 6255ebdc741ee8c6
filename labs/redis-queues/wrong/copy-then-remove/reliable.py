"""Notes the job down, then removes it: between the two it is there twice."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    job = r.lindex(QUEUE, 0)
    if job is not None:
        r.rpush(_held(worker), job)
        r.lrem(QUEUE, 1, job)
    return job


def done(worker: str, job: str) -> None:
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
