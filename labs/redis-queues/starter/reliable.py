"""A queue that loses nothing when a worker dies."""

import os

import redis

r = redis.Redis(host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True)


def put(job: str) -> None:
    """Add a job at the end of the queue."""
    raise NotImplementedError


def take(worker: str) -> str | None:
    """Hand the oldest waiting job to `worker`, who holds it until `done`.

    A job that somebody holds is not handed out. None if no job waits.
    """
    raise NotImplementedError


def done(worker: str, job: str) -> None:
    """`worker` has finished `job`: forget it for good."""
    raise NotImplementedError


def recover(worker: str) -> None:
    """`worker` is dead: let others take the jobs that it held and had not finished."""
    raise NotImplementedError
