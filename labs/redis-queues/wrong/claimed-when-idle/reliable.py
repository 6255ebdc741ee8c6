"""Claims what another worker has held for a minute, as the manual shows it for consumers that fail."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

STREAM, GROUP = "reliable:jobs", "workers"


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


def _held(worker: str) -> list:
    """What `worker` was given and has not acknowledged, as (entry number, fields)."""
    return [(number, fields) for number, fields in _read(worker, "0") if fields]


def put(job: str) -> None:
    r.xadd(STREAM, {"job": job})


def take(worker: str) -> str | None:
    _read(worker, "0", count=1)
    claimed = r.xautoclaim(STREAM, GROUP, worker, min_idle_time=60_000, count=1)[1]
    for _, fields in claimed:
        return fields["job"]
    for _, fields in _read(worker, ">", count=1):
        return fields["job"]
    return None


def done(worker: str, job: str) -> None:
    for number, fields in _held(worker):
        if fields["job"] == job:
            with r.pipeline(transaction=True) as both:
                both.xack(STREAM, GROUP, number).xdel(STREAM, number).execute()
            return


def recover(worker: str) -> None:
    for number, fields in _held(worker):
        with r.pipeline(transaction=True) as swap:
            swap.xadd(STREAM, fields)
            swap.xack(STREAM, GROUP, number).xdel(STREAM, number).execute()
