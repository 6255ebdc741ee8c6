"""Returns what is answered while commands are queued."""

import os

import redis

# One connection for everything this process does.
r = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True, single_connection_client=True
)


def transfer(payer: str, payee: str, cents: int) -> list[int]:
    r.execute_command("MULTI")
    taken = r.execute_command("DECRBY", payer, cents)
    given = r.execute_command("INCRBY", payee, cents)
    r.execute_command("EXEC")
    return [taken, given]
