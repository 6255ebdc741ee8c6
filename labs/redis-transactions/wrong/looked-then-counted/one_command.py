"""Looks whether something is left, then counts down."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    if int(r.get(stock) or 0) < 1:
        return False
    r.decr(stock)
    return True
