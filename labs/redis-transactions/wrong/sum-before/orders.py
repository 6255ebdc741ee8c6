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
    for _ in range(1000):
        ask("WATCH", order)
        if ask("GET", order) != "open":
            ask("UNWATCH")
            return False
        if any(amount < 1 for _, amount in lines):
            ask("UNWATCH")
            return False
        sums = {}
        for article, amount in lines:
            before = sums[article] if article in sums else int(ask("HGET", sold, article) or 0)
            sums[article] = before + amount
        ask("MULTI")
        for article, amount in sums.items():
            ask("HSET", sold, article, amount)
        ask("SET", order, "placed")
        if ask("EXEC") is not None:
            return True
    raise TimeoutError(f"{order} changes all the time")
