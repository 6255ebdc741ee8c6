"""The client gives up on the socket before Redis answers."""

import os

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

r = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"),
    decode_responses=True,
    socket_timeout=0.2,
    retry=Retry(NoBackoff(), 0),
)

QUEUE = "blocking:jobs"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(timeout: float) -> str | None:
    popped = r.blpop([QUEUE], timeout=timeout)
    return popped[1] if popped else None
