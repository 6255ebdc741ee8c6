"""Listens to every channel there is."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    subscription = r.pubsub()
    subscription.psubscribe("*")
    # redis-py only sends the command; the confirmation is the first thing to arrive.
    for event in subscription.listen():
        if event["type"] == "psubscribe":
            break
    return _messages(subscription)


def _messages(subscription) -> Iterator[str]:
    for event in subscription.listen():
        if event["type"] == "pmessage":
            yield event["data"]
