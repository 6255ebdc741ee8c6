"""A snapshot on demand, with coroutines."""

import asyncio

import redis.asyncio as redis


async def under_way(r: redis.Redis) -> bool:
    # How many seconds it has taken so far.
    return (await r.info("persistence"))["rdb_current_bgsave_time_sec"] != -1


async def backup() -> bool:
    """Take a snapshot; True once one is complete that has all that was written before the call."""
    async with redis.Redis(host="redis") as r:
        while await under_way(r):
            await asyncio.sleep(0.02)
        await r.bgsave(schedule=True)
        while await under_way(r):
            await asyncio.sleep(0.02)
        return True
