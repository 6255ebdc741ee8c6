"""Reads texts as JSON from stdin, writes their mutants as JSON to stdout."""

import json
import sys

import python
import shell

_LANGUAGES = {"python": python.mutants, "shell": shell.mutants}


def choose(changes: list, most: int) -> list:
    """At most so many, of each operator alike, in their old order."""
    rank, seen = {}, {}
    for change in sorted(changes, key=lambda change: change.lot()):
        rank[id(change)] = seen[change.operator] = seen.get(change.operator, 0) + 1
    kept = sorted(changes, key=lambda change: (rank[id(change)], change.lot()))[:most]
    kept = {id(change) for change in kept}
    return [change for change in changes if id(change) in kept]


def of_text(language: str, text: str, most: int) -> dict:
    try:
        distinct = {}
        for change in _LANGUAGES[language](text):
            if change.before != change.after:
                distinct.setdefault(change.key(), change)
    except SyntaxError as error:
        return {"fault": {"line": error.lineno or 1, "column": error.offset or 1, "why": error.msg}}
    written = []
    chosen = choose(list(distinct.values()), most)
    for change in chosen:
        if (edit := change.edit()) is not None:
            start, end, new = edit
            written.append({
                "operator": change.operator, "description": change.description, "scope": change.scope,
                "before": change.before, "after": change.after, "start": start, "end": end, "new": new,
            })  # fmt: skip
    return {"found": {"changes": written, "left_out": len(distinct) - len(chosen)}}


def main(job: dict) -> None:
    results = [of_text(text["language"], text["text"], job["most"]) for text in job["texts"]]
    json.dump(results, sys.stdout)
