"""Both changes in a script."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

TRANSFER = r.register_script("""
return {redis.call('DECRBY', KEYS[1], ARGV[1]), redis.call('INCRBY', KEYS[2], ARGV[1])}
""")


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    return TRANSFER(keys=[payer, payee], args=[cents])
