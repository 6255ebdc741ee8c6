"""Going through a list too long to fetch at once."""

import os
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    """Yield every item of the list `key`, from the head to the tail.

    No command fetches more than `chunk` items. The list is only read.
    """
    raise NotImplementedError
