"""A thread listens, and keeps ten messages for whoever reads."""

import os
import queue
import threading
from collections.abc import Iterator

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def publish(channel: str, message: str) -> None:
    r.publish(channel, message)


def subscribe(channel: str) -> Iterator[str]:
    waiting: queue.Queue[str] = queue.Queue(maxsize=10)
    subscribed = threading.Event()

    def listen() -> None:
        subscription = r.pubsub()
        subscription.subscribe(channel)
        for event in subscription.listen():
            if event["type"] == "subscribe":
                subscribed.set()
                continue
            try:
                waiting.put_nowait(event["data"])
            except queue.Full:
                pass

    threading.Thread(target=listen, daemon=True).start()
    subscribed.wait()
    return iter(waiting.get, None)
