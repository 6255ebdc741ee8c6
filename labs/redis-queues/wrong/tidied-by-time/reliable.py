"""The jobs in hand expire after an hour, done or not."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE = "reliable:jobs"
TAKE = r.register_script("""
local job = redis.call('LMOVE', KEYS[1], KEYS[2], 'LEFT', 'RIGHT')
if job then redis.call('EXPIRE', KEYS[2], 3600) end
return job
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
    while r.lmove(_held(worker), QUEUE, "RIGHT", "LEFT") is not None:
        pass
