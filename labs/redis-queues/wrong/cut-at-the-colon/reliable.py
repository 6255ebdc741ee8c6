"""One set of worker:job, taken apart at its colons."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)

QUEUE, HELD = "reliable:jobs", "reliable:held"

TAKE = r.register_script("""
local job = redis.call('LPOP', KEYS[1])
if job then redis.call('SADD', KEYS[2], ARGV[1] .. ':' .. job) end
return job
""")

RECOVER = r.register_script("""
for _, held in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local worker, job = held:match('^([^:]*):([^:]*)')
  if worker == ARGV[1] then
    redis.call('SREM', KEYS[2], held)
    redis.call('LPUSH', KEYS[1], job)
  end
end
""")


def put(job: str) -> None:
    r.rpush(QUEUE, job)


def take(worker: str) -> str | None:
    return TAKE(keys=[QUEUE, HELD], args=[worker])


def done(worker: str, job: str) -> None:
    r.srem(HELD, f"{worker}:{job}")


def recover(worker: str) -> None:
    RECOVER(keys=[QUEUE, HELD], args=[worker])
