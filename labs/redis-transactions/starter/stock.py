"""A stock that is never oversold, by a transaction."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def buy(stock: str) -> bool:
    """Take one off the number at key `stock`; False if nothing is left."""
    raise NotImplementedError
