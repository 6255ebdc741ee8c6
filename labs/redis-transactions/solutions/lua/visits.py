"""A script writes the document if it is still the one that was read."""

import json
import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

REPLACE = r.register_script("""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")


def visit(key: str, page: str) -> int:
    while True:
        before = r.get(key)
        document = json.loads(before)
        document["visits"] += 1
        document["pages"].append(page)
        if REPLACE(keys=[key], args=[before, json.dumps(document)]):
            return document["visits"]
