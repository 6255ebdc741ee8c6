"""Takes the amount from one, then gives it to the other."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    return [r.decrby(payer, cents), r.incrby(payee, cents)]
