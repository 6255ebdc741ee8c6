"""One pipeline for everything the process does."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

pipe = r.pipeline()


def visit(key: str, page: str) -> int:
    while True:
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
