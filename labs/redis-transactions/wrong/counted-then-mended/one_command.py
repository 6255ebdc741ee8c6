"""Counts down first, and up again when that was too far."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    if not r.exists(stock):
        return False
    if r.decr(stock) >= 0:
        return True
    r.incr(stock)
    return False
