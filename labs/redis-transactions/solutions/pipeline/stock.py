"""WATCH the stock, look, count down in a transaction, again when somebody was faster."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    with r.pipeline() as pipe:
        for _ in range(1000):
            pipe.watch(stock)
            if int(pipe.get(stock) or 0) < 1:
                return False
            pipe.multi()
            pipe.decr(stock)
            try:
                pipe.execute()
                return True
            except redis.WatchError:
                continue
    raise TimeoutError(f"{stock} changes all the time")
