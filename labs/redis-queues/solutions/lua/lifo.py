"""A stack as a counter and a hash, kept together by scripts."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

KEYS = ["lifo:height", "lifo:items"]
PUSH = r.register_script("""
return redis.call('HSET', KEYS[2], redis.call('INCR', KEYS[1]), ARGV[1])
""")
POP = r.register_script("""
local top = tonumber(redis.call('GET', KEYS[1]) or '0')
if top == 0 then return false end
local item = redis.call('HGET', KEYS[2], top)
redis.call('HDEL', KEYS[2], top)
redis.call('DECR', KEYS[1])
return item
""")


def push(item: str) -> None:
    PUSH(keys=KEYS, args=[item])


def pop() -> str | None:
    return POP(keys=KEYS)
