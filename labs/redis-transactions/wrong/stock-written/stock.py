"""Watches, and writes what it read less one, without a transaction."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    with r.pipeline() as pipe:
        pipe.watch(stock)
        left = int(pipe.get(stock) or 0)
        if left < 1:
            return False
        pipe.set(stock, left - 1)
        return True
