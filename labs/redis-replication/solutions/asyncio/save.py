"""Writes that are acknowledged once a replica has them, with coroutines."""

import redis.asyncio as redis


async def save(key: str, value: str) -> bool:
    """Set `key` on the primary; True only if at least one replica has confirmed it."""
    async with redis.Redis(host="primary") as r:
        # One packet on one connection. Within MULTI, WAIT would not wait.
        pipe = r.pipeline(transaction=False)
        pipe.set(key, value)
        pipe.execute_command("WAIT", 1, 1000)
        _, confirmed = await pipe.execute()
        return confirmed > 0
