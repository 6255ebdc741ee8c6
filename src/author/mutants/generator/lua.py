"""Mutants of Lua scripts as Redis runs them, by their text: (operator, description, start, end, replacement)."""

import re

from words import INTEGER, neighbours, opposite, short

_CALL = re.compile(r"redis\.p?call\(")
# What a statement may follow.
_BEFORE_STATEMENT = re.compile(r"(?:^|[\n;]|\b(?:then|do|else|end))\s*$")
_BLOCK = re.compile(r"\b(?:then|do|function|repeat)\b")
_END = re.compile(r"\b(?:end|until)\b")


def is_lua(text: str) -> bool:
    return _CALL.search(text) is not None


def mutants(text: str):
    yield from _drop_calls(text)
    yield from _drop_lines(text)
    yield from _swap_ends(text)
    yield from _off_by_one(text)
    for found in re.finditer(r"\breturn (?!false\b|nil\b|#|\d|')([^\n;]+?)(?=\s*(?:$|[\n;]|\bend\b))", text):
        start, end = found.span(1)
        yield "return-none", f"returns false in place of {short(found[1])}", start, end, "false"


def _calls(text: str):
    """Where each `redis.call(…)` begins and ends."""
    for found in _CALL.finditer(text):
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield found.start(), end


def _drop_calls(text: str):
    for start, end in _calls(text):
        if _BEFORE_STATEMENT.search(text[:start]):
            yield "drop-statement", f"drops {short(text[start:end])}", start, end, ""


def _drop_lines(text: str):
    """Lines that only decide or repeat. (A `local` would be missed by the next line anyway.)"""
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line.rstrip("\n"))
        blocks = len(_BLOCK.findall(line))
        is_whole = blocks and blocks == len(_END.findall(line))
        if is_whole and not _CALL.search(line):
            yield "drop-statement", f"drops {short(line)}", start, end, ""
        start += len(line)


def _swap_ends(text: str):
    for found in re.finditer(r"""(['"])(\w+)\1""", text):
        if other := opposite(found[2]):
            start, end = found.span(2)
            yield "swap-ends", f"{short(found[2])} becomes {short(other)}", start, end, other


def _off_by_one(text: str):
    """Numbers that a command is given: limits of a range, a count."""
    for start, end in _calls(text):
        for found in re.finditer(rf",\s*({INTEGER.pattern})(?=\s*[,)])", text[start:end]):
            first, last = (start + place for place in found.span(1))
            for other in neighbours(int(found[1])):
                yield "off-by-one", f"`{found[1]}` becomes `{other}`", first, last, str(other)
