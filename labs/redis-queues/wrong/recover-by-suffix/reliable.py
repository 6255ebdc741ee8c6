"""What a worker held is found by the end of the key."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return r.lmove(QUEUE, f"reliable:held:{worker}", "LEFT", "RIGHT")


def done(worker: str, job: str) -> None:
    r.lrem(f"reliable:held:{worker}", 1, job)


def recover(worker: str) -> None:
    for key in r.scan_iter(f"reliable:held:*{worker}"):
        while r.lmove(key, QUEUE, "RIGHT", "LEFT") is not None:
            pass
