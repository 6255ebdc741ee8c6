"""One list of work begun for all workers: recovering one takes from the living too."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"
BEGUN = "reliable:begun"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return r.lmove(QUEUE, BEGUN, "LEFT", "RIGHT")


def done(worker: str, job: str) -> None:
    r.lrem(BEGUN, 1, job)


def recover(worker: str) -> None:
    while r.lmove(BEGUN, QUEUE, "RIGHT", "LEFT") is not None:
        pass
