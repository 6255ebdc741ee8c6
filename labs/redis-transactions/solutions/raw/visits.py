"""WATCH, MULTI and EXEC by hand; EXEC answers nothing when a watched key has changed."""

import json

from resp import command


def visit(key: str, page: str) -> int:
    while True:
        command("WATCH", key)
        document = json.loads(command("GET", key))
        document["visits"] += 1
        document["pages"].append(page)
        command("MULTI")
        command("SET", key, json.dumps(document))
        if command("EXEC") is not None:
            return document["visits"]
