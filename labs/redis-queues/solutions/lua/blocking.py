"""A sorted set in order of arrival; an idle worker waits in BZPOPMIN."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

PUT = r.register_script("""
local number = redis.call('INCR', KEYS[2])
return redis.call('ZADD', KEYS[1], number, number .. ':' .. ARGV[1])
""")


def put(job: str) -> None:
    PUT(keys=["blocking:jobs", "blocking:number"], args=[job])


def take(timeout: float) -> str | None:
    popped = r.bzpopmin(["blocking:jobs"], timeout=timeout)
    return popped[1].partition(":")[2] if popped else None
