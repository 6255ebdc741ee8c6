"""Sends both commands in one packet and takes that for a transaction."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    with r.pipeline(transaction=False) as pipe:
        pipe.decrby(payer, cents)
        pipe.incrby(payee, cents)
        return pipe.execute()
