"""Taking a job moves it to a list of the worker's own, and waits until there is one."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return r.blmove(QUEUE, _held(worker), 0.2, "LEFT", "RIGHT")


def done(worker: str, job: str) -> None:
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    # Last taken first, each to the head: the jobs come back in their old order.
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
