"""Money that moves from one account to another."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    """Move an amount from the account at key `payer` to the one at key `payee`; return both new balances."""
    raise NotImplementedError
