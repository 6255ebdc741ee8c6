"""Takes a lock with SETNX, of which nobody else knows and which never expires."""

import json
import os
import time

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def visit(key: str, page: str) -> int:
    while not r.setnx(f"{key}:lock", 1):
        time.sleep(0.01)
    document = json.loads(r.get(key))
    document["visits"] += 1
    document["pages"].append(page)
    r.set(key, json.dumps(document))
    r.delete(f"{key}:lock")
    return document["visits"]
