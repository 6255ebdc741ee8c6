"""A queue on one list, with an asynchronous client: a worker that waits in BLPOP keeps no thread waiting."""

import os

import coredis

r = coredis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "blocking:jobs"


async def put(job: str) -> None:
    await r.rpush(QUEUE, [job])


async def take(timeout: float) -> str | None:
    popped = await r.blpop([QUEUE], timeout=timeout)
    return popped[1] if popped else None
