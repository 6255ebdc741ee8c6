"""Two commands in a transaction: redis-py sends MULTI and EXEC around what a pipeline holds."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    with r.pipeline() as pipe:
        pipe.decrby(payer, cents)
        pipe.incrby(payee, cents)
        return pipe.execute()
