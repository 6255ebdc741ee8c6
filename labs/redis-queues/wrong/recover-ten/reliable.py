"""Recovering gives back ten jobs at most, so that nothing runs for ever."""

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
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    for _ in range(10):
        r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT")
