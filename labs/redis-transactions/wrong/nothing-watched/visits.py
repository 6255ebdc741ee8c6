"""Writes in a transaction, and watches nothing."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    document = json.loads(r.get(key))
    document["visits"] += 1
    document["pages"].append(page)
    with r.pipeline() as pipe:
        pipe.multi()
        pipe.set(key, json.dumps(document))
        pipe.execute()
    return document["visits"]
