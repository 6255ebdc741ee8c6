"""Publish/subscribe with an asynchronous client; over RESP3 messages come as pushes."""

import os
from collections.abc import AsyncIterator

import coredis

r = coredis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


async def publish(channel: str, message: str) -> None:
    await r.publish(channel, message)


async def subscribe(channel: str) -> AsyncIterator[str]:
    subscription = r.pubsub()
    await subscription.subscribe(channel)
    # coredis only sends the command; the confirmation is the first thing to arrive.
    await subscription.get_message()
    return _messages(subscription)


async def _messages(subscription) -> AsyncIterator[str]:
    async for event in subscription:
        if event["type"] == "message":
            yield event["data"]
