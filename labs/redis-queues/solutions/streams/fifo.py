"""A stream read by one consumer group: each entry goes to one reader."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STREAM, GROUP = "fifo:jobs", "workers"


def _read(consumer: str, start: str, **options) -> list:
    """The entries that XREADGROUP gives `consumer`; makes the group where it is missing."""
    while True:
        try:
            reply = r.xreadgroup(GROUP, consumer, {STREAM: start}, **options)
            return reply[0][1] if reply else []
        except redis.ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
        try:
            r.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def _forget(number: str) -> None:
    with r.pipeline(transaction=True) as both:
        both.xack(STREAM, GROUP, number).xdel(STREAM, number).execute()


def put(job: str) -> None:
    r.xadd(STREAM, {"job": job})


def take() -> str | None:
    for number, fields in _read("any", ">", count=1):
        _forget(number)
        return fields["job"]
    return None
