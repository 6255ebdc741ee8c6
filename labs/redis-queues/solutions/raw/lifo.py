"""A stack on the tail of a list."""

from resp import command


def push(item: str) -> None:
    command("RPUSH", "lifo:items", item)


def pop() -> str | None:
    return command("RPOP", "lifo:items")
