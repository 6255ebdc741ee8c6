"""The lines are looked at first, so that only the WATCH is to be given up."""

from resp import command


def note(order: str, text: str) -> int | None:
    command("MULTI")
    command("RPUSH", f"{order}:notes", text)
    command("INCR", f"{order}:noted")
    answers = command("EXEC")
    return answers and answers[1]


def place(order: str, sold: str, lines: list) -> bool:
    if min(amount for _, amount in lines) < 1:
        return False
    while True:
        command("WATCH", order)
        if command("GET", order) != "open":
            command("UNWATCH")
            return False
        command("MULTI")
        for article, amount in lines:
            command("HINCRBY", sold, article, amount)
        command("SET", order, "placed")
        if command("EXEC") is not None:
            return True
