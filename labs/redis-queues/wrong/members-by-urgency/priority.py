"""Urgency first, then arrival, in one score; an equal job only gets another score."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

JOBS = "priority:jobs"
NUMBER = "priority:number"
URGENCY = {"high": 0, "normal": 1, "low": 2}


def submit(job: str, priority: str) -> None:
    r.zadd(JOBS, {job: URGENCY[priority] * 10**12 + r.incr(NUMBER)})


def take() -> str | None:
    popped = r.zpopmin(JOBS)
    return popped[0][0] if popped else None
