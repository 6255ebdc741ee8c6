"""EXEC answers for each command; what did succeed is taken back, the latest first."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def attempt(steps: list) -> list[int] | None:
    try:
        answers = run([do for do, _ in steps])
    except redis.ResponseError:
        # Refused while it was queued: nothing has run.
        return None
    failed = [n for n, answer in enumerate(answers) if isinstance(answer, redis.ResponseError)]
    if failed:
        run([undo for n, (_, undo) in reversed(list(enumerate(steps))) if n not in failed])
    return failed


def run(commands: list) -> list:
    with r.pipeline() as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return pipe.execute(raise_on_error=False)
