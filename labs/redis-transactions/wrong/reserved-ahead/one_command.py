"""Takes fifty at a time for its own process, which others then cannot sell."""

import os
import threading
from collections import Counter

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

TAKE = r.register_script("""
local taken = math.min(tonumber(redis.call('GET', KEYS[1]) or 0), tonumber(ARGV[1]))
if taken > 0 then redis.call('DECRBY', KEYS[1], taken) end
return taken
""")
mine = Counter()
lock = threading.Lock()


def buy(stock: str) -> bool:
    with lock:
        if not mine[stock]:
            mine[stock] = TAKE(keys=[stock], args=[50])
        if not mine[stock]:
            return False
        mine[stock] -= 1
        return True
