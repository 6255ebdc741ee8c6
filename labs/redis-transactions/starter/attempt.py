"""Commands that all take effect, or are all taken back."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def attempt(steps: list) -> list[int] | None:
    """Run the commands of all steps in one transaction; take everything back if some of them fail.

    Every step is a pair of commands, each a list of words: what to do, and what takes it back.
    Return the positions of the steps that failed, or None if Redis refused the transaction.
    """
    raise NotImplementedError
