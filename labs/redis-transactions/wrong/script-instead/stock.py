"""Answers the question about WATCH with a script."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

BUY = r.register_script("""
if tonumber(redis.call('GET', KEYS[1]) or 0) < 1 then return 0 end
redis.call('DECR', KEYS[1])
return 1
""")


def buy(stock: str) -> bool:
    return BUY(keys=[stock]) == 1
