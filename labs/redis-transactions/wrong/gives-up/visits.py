"""Lets the error out when somebody was faster."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    with r.pipeline() as pipe:
        pipe.watch(key)
        document = json.loads(pipe.get(key))
        document["visits"] += 1
        document["pages"].append(page)
        pipe.multi()
        pipe.set(key, json.dumps(document))
        pipe.execute()
        return document["visits"]
