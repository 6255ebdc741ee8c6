"""Writes that are acknowledged once a replica has them."""

import redis

r = redis.Redis(host="primary", decode_responses=True)


def save(key: str, value: str) -> bool:
    """Set `key` on the primary; True only if at least one replica has confirmed it."""
    with r.client() as connection:
        connection.set(key, value)
        return connection.wait(1, 1000) == 1
