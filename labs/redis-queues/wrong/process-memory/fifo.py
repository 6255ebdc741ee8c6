"""A queue in the memory of the process: no other process sees it."""

from collections import deque

jobs = deque()


def put(job: str) -> None:
    jobs.append(job)


def take() -> str | None:
    return jobs.popleft() if jobs else None
