"""Lets the library raise the first error and reports no other."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def attempt(steps: list) -> list[int] | None:
    try:
        run([do for do, _ in steps])
    except redis.ResponseError as error:
        # Command # 2 (INCR text) of pipeline caused error: …
        return None if "number of arguments" in str(error) else [int(str(error).split()[2]) - 1]
    return []


def run(commands: list) -> list:
    with r.pipeline() as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return pipe.execute()
