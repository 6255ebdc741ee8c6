"""A list for each priority, asked in order of urgency by one command."""

from resp import command

LISTS = [f"priority:{name}" for name in ("high", "normal", "low")]


def submit(job: str, priority: str) -> None:
    command("LPUSH", f"priority:{priority}", job)


def take() -> str | None:
    popped = command("LMPOP", len(LISTS), *LISTS, "RIGHT")
    return popped[1][0] if popped else None
