"""One sorted set; the member begins with a number, so equal scores keep their order."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

SCORES = {"high": 0, "normal": 1, "low": 2}
SUBMIT = r.register_script("""
local number = redis.call('INCR', KEYS[2])
return redis.call('ZADD', KEYS[1], ARGV[2], string.format('%016d:', number) .. ARGV[1])
""")


def submit(job: str, priority: str) -> None:
    SUBMIT(keys=["priority:jobs", "priority:number"], args=[job, SCORES[priority]])


def take() -> str | None:
    popped = r.zpopmin("priority:jobs")
    return popped[0][0].partition(":")[2] if popped else None
