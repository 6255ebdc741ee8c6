"""A thread waits for ever; who is tired of waiting for the thread leaves it behind."""

import os
from concurrent.futures import ThreadPoolExecutor, TimeoutError

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"
threads = ThreadPoolExecutor(50)


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    waiting = threads.submit(r.blpop, [QUEUE], 0)
    try:
        return waiting.result(timeout)[1]
    except TimeoutError:
        return None
