"""BZPOPMIN waits as BLPOP does; an equal job only gets another score."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"
NUMBER = "blocking:number"


def put(job: str) -> None:
    r.zadd(QUEUE, {job: r.incr(NUMBER)})


def take(timeout: float) -> str | None:
    popped = r.bzpopmin(QUEUE, timeout)
    return popped[1] if popped else None
