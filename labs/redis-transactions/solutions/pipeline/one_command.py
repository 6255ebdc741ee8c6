"""Looks and counts down in a script, which is one command."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

BUY = r.register_script("""
local left = tonumber(redis.call('GET', KEYS[1]) or 0)
if left < 1 then return 0 end
redis.call('DECR', KEYS[1])
return 1
""")


def buy(stock: str) -> bool:
    return BUY(keys=[stock]) == 1
