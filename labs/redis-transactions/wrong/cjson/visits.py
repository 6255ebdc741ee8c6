"""Visits, counted in a document."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

VISIT = r.register_script("""
local document = cjson.decode(redis.call('GET', KEYS[1]))
document.visits = document.visits + 1
table.insert(document.pages, ARGV[1])
redis.call('SET', KEYS[1], cjson.encode(document))
return document.visits
""")


def visit(key: str, page: str) -> int:
    return VISIT(keys=[key], args=[page])
