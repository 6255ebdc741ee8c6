"""A pipeline that nobody executes is given up; its connection goes back to the pool without a WATCH."""

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
    def fill(pipe):
        good = pipe.get(order) == "open" and all(amount > 0 for _, amount in lines)
        pipe.multi()
        if good:
            for article, amount in lines:
                pipe.hincrby(sold, article, amount)
            pipe.set(order, "placed")
        return good

    return r.transaction(fill, order, value_from_callable=True)
