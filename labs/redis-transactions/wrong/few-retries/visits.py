"""Gives up after three attempts, as if that were never too few."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    with r.pipeline() as pipe:
        for _ in range(3):
            pipe.watch(key)
            document = json.loads(pipe.get(key))
            document["visits"] += 1
            document["pages"].append(page)
            pipe.multi()
            pipe.set(key, json.dumps(document))
            try:
                pipe.execute()
                return document["visits"]
            except redis.WatchError:
                continue
    raise TimeoutError(f"{key} changes all the time")
