"""A list for each priority, asked one after the other."""

from resp import command

URGENCY = ("high", "normal", "low")


def submit(job: str, priority: str) -> None:
    command("LPUSH", f"priority:{priority}", job)


def take() -> str | None:
    for priority in URGENCY:
        job = command("RPOP", f"priority:{priority}")
        if job is not None:
            return job
    return None
