"""Each step is one script: it happens in full or not at all."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"
TAKE = r.register_script("""
local job = redis.call('LPOP', KEYS[1])
if job then redis.call('RPUSH', KEYS[2], job) end
return job
""")
RECOVER = r.register_script("""
local jobs = redis.call('LRANGE', KEYS[2], 0, -1)
for _, job in ipairs(jobs) do redis.call('RPUSH', KEYS[1], job) end
redis.call('DEL', KEYS[2])
return #jobs
""")


def _held(worker: str) -> str:
    return f"reliable:held:{worker}"


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return TAKE(keys=[QUEUE, _held(worker)])


def done(worker: str, job: str) -> None:
    r.lrem(_held(worker), 1, job)


def recover(worker: str) -> None:
    RECOVER(keys=[QUEUE, _held(worker)])
