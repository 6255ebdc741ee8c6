"""The lines are looked at first, so that only the WATCH is to be given up."""

from resp import Connection

connection = Connection()


def ask(*words):
    connection.send(*words)
    return connection.reply()


def note(order: str, text: str) -> int | None:
    ask("MULTI")
    ask("RPUSH", f"{order}:notes", text)
    ask("INCR", f"{order}:noted")
    answers = ask("EXEC")
    return answers and answers[1]


def place(order: str, sold: str, lines: list) -> bool:
    if min(amount for _, amount in lines) < 1:
        return False
    while True:
        ask("WATCH", order)
        if ask("GET", order) != "open":
            ask("UNWATCH")
            return False
        ask("MULTI")
        for article, amount in lines:
            ask("HINCRBY", sold, article, amount)
        ask("SET", order, "placed")
        if ask("EXEC") is not None:
            return True
