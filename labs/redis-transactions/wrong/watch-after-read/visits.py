"""Reads the document, then begins to watch it."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    with r.pipeline() as pipe:
        while True:
            document = json.loads(r.get(key))
            pipe.watch(key)
            document["visits"] += 1
            document["pages"].append(page)
            pipe.multi()
            pipe.set(key, json.dumps(document))
            try:
                pipe.execute()
                return document["visits"]
            except redis.WatchError:
                continue
