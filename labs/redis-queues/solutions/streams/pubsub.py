"""A stream for each channel; every subscriber reads it from where it stood when he came."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

KEEP = 10_000


def publish(channel: str, message: str) -> None:
    r.xadd(channel, {"message": message}, maxlen=KEEP, approximate=True)


def subscribe(channel: str) -> Iterator[str]:
    newest = r.xrevrange(channel, count=1)
    return _messages(channel, newest[0][0] if newest else "0-0")


def _messages(channel: str, last: str) -> Iterator[str]:
    while True:
        for _, entries in r.xread({channel: last}, block=0):
            for last, fields in entries:
                yield fields["message"]
