"""Reads both balances and writes back what they should be."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    before = [int(balance or 0) for balance in r.mget(payer, payee)]
    after = [before[0] - cents, before[1] + cents]
    with r.pipeline() as pipe:
        pipe.set(payer, after[0])
        pipe.set(payee, after[1])
        pipe.execute()
    return after
