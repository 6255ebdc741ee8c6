"""A thread fetches one window after the other; the items are given as they are asked for."""

import os
import queue
import threading
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def walk(key: str, chunk: int) -> Iterator[str]:
    windows: queue.Queue[list[str] | None] = queue.Queue()

    def fetch() -> None:
        start = 0
        while items := r.lrange(key, start, start + chunk - 1):
            windows.put(items)
            start += len(items)
        windows.put(None)

    threading.Thread(target=fetch, daemon=True).start()
    while (items := windows.get()) is not None:
        yield from items
