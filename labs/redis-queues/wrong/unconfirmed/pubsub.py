"""Wrong: the command has been sent, and nobody knows when Redis will see it."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    subscription = r.pubsub()
    subscription.subscribe(channel)
    return _messages(subscription)


def _messages(subscription) -> Iterator[str]:
    for event in subscription.listen():
        if event["type"] == "message":
            yield event["data"]
