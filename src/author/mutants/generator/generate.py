"""Reads texts as JSON from stdin, writes their mutants as JSON to stdout."""

import json
import sys

import python
import shell

_LANGUAGES = {"python": python.mutants, "shell": shell.mutants}


def choose(changes: dict, most: int) -> dict:
    """At most so many, of each operator alike; which ones does not depend on where they stand."""
    rank, seen = {}, {}
    for digest in sorted(changes):
        operator = changes[digest].operator
        rank[digest] = seen[operator] = seen.get(operator, 0) + 1
    kept = set(sorted(changes, key=lambda digest: (rank[digest], digest))[:most])
    return {digest: change for digest, change in changes.items() if digest in kept}


def of_text(language: str, text: str, most: int) -> dict:
    distinct = {}
    for change in _LANGUAGES[language](text):
        if change.before != change.after:
            distinct.setdefault(change.digest(), change)
    written = []
    chosen = choose(distinct, most)
    for digest, change in chosen.items():
        if (edit := change.edit()) is not None:
            start, end, new = edit
            written.append({
                "operator": change.operator, "description": change.description, "digest": digest,
                "start": start, "end": end, "new": new,
            })  # fmt: skip
    return {"changes": written, "left_out": len(distinct) - len(chosen)}


def answer(language: str, text: str, most: int) -> dict:
    try:
        return {"found": of_text(language, text, most)}
    except SyntaxError as error:
        return {"fault": {"line": error.lineno or 1, "column": error.offset or 1, "why": error.msg}}
    except (RecursionError, MemoryError):
        return {"fault": {"line": 1, "column": 1, "why": "it is nested too deeply"}}


def main(job: dict) -> None:
    answers = [answer(text["language"], text["text"], job["most"]) for text in job["texts"]]
    json.dump(answers, sys.stdout)
