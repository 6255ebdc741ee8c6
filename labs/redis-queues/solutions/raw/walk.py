"""Windows of the list, as many as its length asks for."""

from collections.abc import Iterator

from resp import command


def walk(key: str, chunk: int) -> Iterator[str]:
    for start in range(0, command("LLEN", key), chunk):
        yield from command("LRANGE", key, start, start + chunk - 1)
