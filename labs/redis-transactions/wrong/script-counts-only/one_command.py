"""Looks in Python and leaves only the counting to the script."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

COUNT = r.register_script("return redis.call('DECR', KEYS[1])")


def buy(stock: str) -> bool:
    return int(r.get(stock) or 0) > 0 and COUNT(keys=[stock]) is not None
