"""A stream and a consumer group; an idle worker waits in XREADGROUP BLOCK."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STREAM, GROUP = "blocking:jobs", "workers"


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


def take(timeout: float) -> str | None:
    # BLOCK counts in milliseconds, and 0 would mean for ever.
    for number, fields in _read("any", ">", count=1, block=max(1, round(timeout * 1000))):
        _forget(number)
        return fields["job"]
    return None
