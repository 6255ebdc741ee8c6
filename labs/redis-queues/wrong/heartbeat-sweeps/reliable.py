"""Whoever takes a job first recovers those who have given no sign of life."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE, WORKERS, ALIVE_FOR = "reliable:jobs", "reliable:workers", 30


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def _alive(worker: str) -> None:
    # In this order: whoever is found among the workers is alive.
    r.set(f"reliable:alive:{worker}", 1, ex=ALIVE_FOR)
    r.sadd(WORKERS, worker)


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    for other in r.smembers(WORKERS):
        if not r.exists(f"reliable:alive:{other}"):
            recover(other)
    _alive(worker)
    return r.lmove(QUEUE, _held(worker), "LEFT", "RIGHT")


def done(worker: str, job: str) -> None:
    _alive(worker)
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
