"""Fetches the list, sorts it in Python and writes it back."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "priority:jobs"
URGENCY = ("high", "normal", "low")


def submit(job: str, priority: str) -> None:
    jobs = [json.loads(text) for text in r.lrange(QUEUE, 0, -1)]
    jobs.append([URGENCY.index(priority), job])
    jobs.sort(key=lambda entry: entry[0])
    with r.pipeline(transaction=True) as rewrite:
        rewrite.delete(QUEUE)
        rewrite.rpush(QUEUE, *map(json.dumps, jobs))
        rewrite.execute()


def take() -> str | None:
    first = r.lpop(QUEUE)
    return json.loads(first)[1] if first else None
