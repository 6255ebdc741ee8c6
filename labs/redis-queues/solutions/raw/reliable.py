"""RPOPLPUSH, the old command, and a transaction to recover."""

from resp import command

QUEUE = "reliable:jobs"


def put(job: str) -> None:
    command("LPUSH", QUEUE, job)


def take(worker: str) -> str | None:
    return command("RPOPLPUSH", QUEUE, f"reliable:{worker}")


def done(worker: str, job: str) -> None:
    command("LREM", f"reliable:{worker}", 1, job)


def recover(worker: str) -> None:
    while True:
        command("WATCH", f"reliable:{worker}")
        jobs = command("LRANGE", f"reliable:{worker}", 0, -1)
        if not jobs:
            command("UNWATCH")
            return
        command("MULTI")
        command("RPUSH", QUEUE, *jobs)
        command("DEL", f"reliable:{worker}")
        if command("EXEC") is not None:
            return
