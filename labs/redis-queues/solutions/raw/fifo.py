"""A queue on one list, read at the other end than usual."""

from resp import command


def put(job: str) -> None:
    command("LPUSH", "fifo:jobs", job)


def take() -> str | None:
    return command("RPOP", "fifo:jobs")
