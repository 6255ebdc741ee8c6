"""A list instead of a channel: each message reaches one subscriber."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.rpush(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    return _messages(channel)


def _messages(channel: str) -> Iterator[str]:
    while True:
        yield r.blpop([channel], timeout=0)[1]
