"""SUBSCRIBE on a connection of its own."""

from collections.abc import Iterator

from resp import Connection, command


def publish(channel: str, message: str) -> None:
    command("PUBLISH", channel, message)


def subscribe(channel: str) -> Iterator[str]:
    connection = Connection()
    connection.send("SUBSCRIBE", channel)
    connection.reply()
    return _messages(connection)


def _messages(connection: Connection) -> Iterator[str]:
    while True:
        yield connection.reply()[2]
