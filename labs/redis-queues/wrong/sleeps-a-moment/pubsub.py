"""A moment should be enough for Redis to see the command."""

import os
import time
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    subscription = r.pubsub()
    subscription.subscribe(channel)
    time.sleep(0.2)
    return _messages(subscription)


def _messages(subscription) -> Iterator[str]:
    for event in subscription.listen():
        if event["type"] == "message":
            yield event["data"]
