"""Money from one account to another."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    with r.pipeline() as pipe:
        pipe.decrby(payer, cents)
        pipe.incrby(payee, cents)
        pipe.execute()
    return [int(r.get(payer)), int(r.get(payee))]
