"""A snapshot on demand, with coroutines."""

import asyncio

import redis.asyncio as redis


async def under_way(r: redis.Redis) -> bool:
    # How many seconds it has taken so far.
    return (await r.info("persistence"))["rdb_current_bgsave_time_sec"] != -1


async def backup() -> bool:
    """Take a snapshot; True once one is complete that has all that was written before the call."""
    async with redis.Redis(host="redis") as r:
        # Refused while another child writes, a snapshot or the log; scheduled, nothing would have begun.
        while True:
            try:
                await r.bgsave(schedule=False)
                break
            except redis.ResponseError:
                await asyncio.sleep(0.02)
        while await under_way(r):
            await asyncio.sleep(0.02)
        return True
