"""Writes that are acknowledged once a replica has them."""

import redis

r = redis.Redis(host="primary", decode_responses=True)
waiting = redis.Redis(host="primary")


def save(key: str, value: str) -> bool:
    """Set `key` on the primary; True only if at least one replica has confirmed it."""
    r.set(key, value)
    return waiting.wait(1, 1000) >= 1
