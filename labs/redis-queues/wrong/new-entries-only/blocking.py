"""Reads a stream from now on: what came before is never seen."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STREAM = "blocking:jobs"


def put(job: str) -> None:
    r.xadd(STREAM, {"job": job})


def take(timeout: float) -> str | None:
    reply = r.xread({STREAM: "$"}, count=1, block=max(1, round(timeout * 1000)))
    return reply[0][1][0][1]["job"] if reply else None
