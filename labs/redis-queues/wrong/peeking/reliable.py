"""Leaves the job in the queue until it is done: every worker gets the same one."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return r.lindex(QUEUE, 0)


def done(worker: str, job: str) -> None:
    r.lrem(QUEUE, 1, job)


def recover(worker: str) -> None:
    pass
