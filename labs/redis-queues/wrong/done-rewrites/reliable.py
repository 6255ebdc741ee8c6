"""Done reads the held jobs, deletes the list and writes the others back."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return r.lmove(QUEUE, _held(worker), "LEFT", "RIGHT")


def done(worker: str, job: str) -> None:
    others = r.lrange(_held(worker), 0, -1)
    others.remove(job)
    r.delete(_held(worker))
    if others:
        r.rpush(_held(worker), *others)


def recover(worker: str) -> None:
    # Last taken first, each to the head: the jobs come back in their old order.
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
