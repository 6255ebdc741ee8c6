"""The score says when a job came; an equal job only gets another score."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "fifo:jobs"
NUMBER = "fifo:number"


def put(job: str) -> None:
    r.zadd(QUEUE, {job: r.incr(NUMBER)})


def take() -> str | None:
    popped = r.zpopmin(QUEUE)
    return popped[0][0] if popped else None
