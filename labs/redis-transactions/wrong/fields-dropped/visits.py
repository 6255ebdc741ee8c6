"""Writes a new document with the fields it knows."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    with r.pipeline() as pipe:
        while True:
            pipe.watch(key)
            document = json.loads(pipe.get(key))
            document = {"visits": document["visits"] + 1, "pages": [*document["pages"], page]}
            pipe.multi()
            pipe.set(key, json.dumps(document))
            try:
                pipe.execute()
                return document["visits"]
            except redis.WatchError:
                continue
