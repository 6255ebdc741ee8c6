"""Jobs have numbers; who takes looks whether there is one, and then counts."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

HEAD, TAIL = "fifo:head", "fifo:tail"


def put(job: str) -> None:
    r.set(f"fifo:job:{r.incr(TAIL)}", job)


def take() -> str | None:
    if int(r.get(HEAD) or 0) >= int(r.get(TAIL) or 0):
        return None
    return r.getdel(f"fifo:job:{r.incr(HEAD)}")
