"""One pipeline for everything the process does."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

pipe = r.pipeline()


def buy(stock: str) -> bool:
    while True:
        pipe.watch(stock)
        if int(pipe.get(stock) or 0) < 1:
            pipe.reset()
            return False
        pipe.multi()
        pipe.decr(stock)
        try:
            pipe.execute()
            return True
        except redis.WatchError:
            continue
