"""Orders that are placed as a whole, or given up."""

import os

import redis

# One connection for everything this process does.
r = redis.Redis(
    host=os.environ.get("REDIS_HOST", "redis"), decode_responses=True, single_connection_client=True
)


def ask(*words):
    """Send one command on the connection and return the answer."""
    return r.execute_command(*words)


def note(order: str, text: str) -> int | None:
    """Keep a note on an order and count it. Leave this function as it is."""
    ask("MULTI")
    ask("RPUSH", f"{order}:notes", text)
    ask("INCR", f"{order}:noted")
    answers = ask("EXEC")
    return answers and answers[1]


def place(order: str, sold: str, lines: list) -> bool:
    ask("WATCH", order)
    if ask("GET", order) != "open":
        ask("UNWATCH")
        return False
    ask("MULTI")
    for article, amount in lines:
        if amount < 1:
            ask("DISCARD")
            return False
        ask("HINCRBY", sold, article, amount)
    ask("SET", order, "placed")
    return ask("EXEC") is not None
