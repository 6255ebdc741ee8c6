"""The primary is dead: one of its replicas takes over, asked all at once."""

import asyncio

import redis.asyncio as redis


async def place(name: str) -> tuple[int, str]:
    """How far a replica has come, and its name."""
    async with redis.Redis(host=name) as replica:
        facts = await replica.info("replication")
        return facts["slave_repl_offset"], name


async def promote() -> str:
    """Make one replica the primary and let the other follow it; return its name."""
    places = await asyncio.gather(place("replica-1"), place("replica-2"))
    (_, behind), (_, ahead) = sorted(places)
    async with redis.Redis(host=ahead) as new, redis.Redis(host=behind) as other:
        await new.execute_command("REPLICAOF", "NO", "ONE")
        await other.execute_command("REPLICAOF", ahead, 6379)
    return ahead
