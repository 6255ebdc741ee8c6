"""Takes being beaten for being sold out."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    with r.pipeline() as pipe:
        pipe.watch(stock)
        if int(pipe.get(stock) or 0) < 1:
            return False
        pipe.multi()
        pipe.decr(stock)
        try:
            pipe.execute()
            return True
        except redis.WatchError:
            return False
