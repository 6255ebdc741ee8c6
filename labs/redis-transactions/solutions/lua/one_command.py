"""A function of the server, loaded when it is not there yet."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

BUY = """#!lua name=shop
redis.register_function('buy', function(keys)
  if tonumber(redis.call('GET', keys[1]) or 0) < 1 then return 0 end
  redis.call('DECR', keys[1])
  return 1
end)
"""


def buy(stock: str) -> bool:
    try:
        return r.fcall("buy", 1, stock) == 1
    except redis.ResponseError:
        r.function_load(BUY, replace=True)
        return r.fcall("buy", 1, stock) == 1
