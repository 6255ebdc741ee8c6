"""Pops, then notes the job down: between the two it is nowhere."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    job = r.lpop(QUEUE)
    if job is not None:
        r.rpush(_held(worker), job)
    return job


def done(worker: str, job: str) -> None:
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
