"""Takes back what stood before the first failure, as if the rest had not run."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def attempt(steps: list) -> list[int] | None:
    try:
        answers = run([do for do, _ in steps])
    except redis.ResponseError:
        return None
    failed = [n for n, answer in enumerate(answers) if isinstance(answer, redis.ResponseError)]
    if failed:
        run([undo for _, undo in reversed(steps[: failed[0]])])
    return failed


def run(commands: list) -> list:
    with r.pipeline() as pipe:
        for command in commands:
            pipe.execute_command(*command)
        return pipe.execute(raise_on_error=False)
