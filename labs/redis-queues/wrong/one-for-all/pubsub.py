"""One PubSub object, to which each call adds a channel."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

subscription = r.pubsub()


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    subscription.subscribe(channel)
    for event in subscription.listen():
        if event["type"] == "subscribe":
            break
    return _messages()


def _messages() -> Iterator[str]:
    for event in subscription.listen():
        if event["type"] == "message":
            yield event["data"]
