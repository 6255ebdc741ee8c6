"""Passes Redis's confirmation on as if it had been published."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    subscription = r.pubsub()
    subscription.subscribe(channel)
    confirmation = subscription.get_message(timeout=None)
    return _messages(subscription, confirmation)


def _messages(subscription, first: dict) -> Iterator[str]:
    yield str(first["data"])
    for event in subscription.listen():
        yield str(event["data"])
