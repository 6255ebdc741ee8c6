"""A stream read from its beginning: who comes late hears everything again."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.xadd(channel, {"message": message})


def subscribe(channel: str) -> Iterator[str]:
    return _messages(channel)


def _messages(channel: str) -> Iterator[str]:
    last = "0"
    while True:
        for _, entries in r.xread({channel: last}, block=0):
            for last, fields in entries:
                yield fields["message"]
