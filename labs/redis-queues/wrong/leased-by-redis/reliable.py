"""A job is leased for a minute by the clock of Redis, on which all workers agree; after that anybody gets it."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE, LEASES = "reliable:jobs", "reliable:leases"
LEASE = 60

TAKE = r.register_script("""
local now = tonumber(redis.call('TIME')[1])
local late = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)
for _, held in ipairs(late) do
  redis.call('ZREM', KEYS[2], held)
  redis.call('RPUSH', KEYS[1], (held:gsub('^[^|]*|', '')))
end
local job = redis.call('LPOP', KEYS[1])
if job then redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1] .. '|' .. job) end
return job
""")

RECOVER = r.register_script("""
for _, held in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local worker, job = held:match('^([^|]*)|(.*)$')
  if worker == ARGV[1] then
    redis.call('ZREM', KEYS[2], held)
    redis.call('RPUSH', KEYS[1], job)
  end
end
""")


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return TAKE(keys=[QUEUE, LEASES], args=[worker, LEASE])


def done(worker: str, job: str) -> None:
    r.zrem(LEASES, f"{worker}|{job}")


def recover(worker: str) -> None:
    RECOVER(keys=[QUEUE, LEASES], args=[worker])
