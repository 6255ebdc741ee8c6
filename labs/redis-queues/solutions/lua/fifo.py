"""A queue on a sorted set: each job scored with the next number, by a script."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

# A hash of jobs by number, so that equal jobs are not merged into one.
PUT = r.register_script("""
local number = redis.call('INCR', KEYS[1])
redis.call('HSET', KEYS[2], number, ARGV[1])
return redis.call('ZADD', KEYS[3], number, number)
""")
TAKE = r.register_script("""
local first = redis.call('ZPOPMIN', KEYS[2])[1]
if not first then return false end
local job = redis.call('HGET', KEYS[1], first)
redis.call('HDEL', KEYS[1], first)
return job
""")


def put(job: str) -> None:
    PUT(keys=["fifo:number", "fifo:jobs", "fifo:order"], args=[job])


def take() -> str | None:
    return TAKE(keys=["fifo:jobs", "fifo:order"])
