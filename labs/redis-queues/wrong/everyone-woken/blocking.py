"""XREAD without a group wakes all who wait; whose XDEL came first is not asked."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STREAM = "blocking:jobs"


def put(job: str) -> None:
    r.xadd(STREAM, {"job": job})


def take(timeout: float) -> str | None:
    reply = r.xread({STREAM: "0"}, count=1, block=max(1, round(timeout * 1000)))
    if not reply:
        return None
    number, fields = reply[0][1][0]
    r.xdel(STREAM, number)
    return fields["job"]
