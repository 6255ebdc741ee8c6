"""Mutants of command lines, by their words: (operator, description, start, end, replacement)."""

import re
import subprocess
from collections.abc import Iterator
from functools import partial

import lua
from change import Change
from words import INTEGER, OPTIONS, neighbours, opposite, short

_TOKEN = re.compile(
    r"""(?P<skip>[ \t]+ | \\\n | (?<![^\s;&|])\#[^\n]*)
      | (?P<between>\n | ;;? | &&? | \|\|? | [()])
      | (?P<word>(?: \\. | '[^']*' | "(?:\\.|[^"\\])*" | \$\{[^}]*\} | \$\([^)]*\) | [^\s;&|()\\'"] )+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPENING = {"do", "then", "else", "elif", "if", "while", "until", "!", "{", "time"}
_NO_COMMAND = {"for", "case", "select", "function", "done", "fi", "esac", "}"}
# Options that say where a service is: all that follows would fail without them. They take a value.
_CONNECTION = {"redis-cli": {"-h", "-p"}, "mysql": {"-h", "-u"}}


def mutants(text: str) -> Iterator[Change]:
    """A script is one scope: its lines work on the same data."""
    for operator, description, start, end, new in _changes(text):
        after = text[:start] + new + text[end:]
        span = len(text[:start].encode()), len(text[:end].encode())
        yield Change(operator, description, "", text, after, partial(_edit, after, (*span, new)))


def _edit(script: str, edit: tuple) -> tuple | None:
    done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, timeout=5)
    return edit if done.returncode == 0 else None


def _changes(text: str):
    commands = list(_commands(text))
    for words in commands:
        yield from _of_command(text, words)
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        start = 0
        for line in text.splitlines(keepends=True):
            if line.strip() and not line.lstrip().startswith("#"):
                yield "drop-line", f"drops {short(line)}", start, start + len(line), ""
            start += len(line)


def _commands(text: str):
    """The words of each simple command, as (start, end)."""
    words = []
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "word":
            words.append(token.span())
        elif token.lastgroup == "between":
            yield words
            words = []
    yield words


def _of_command(text: str, words: list):
    plain = [text[start:end] for start, end in words]
    while plain and (plain[0] in _OPENING or re.match(r"\w+=", plain[0])):
        plain, words = plain[1:], words[1:]
    if not plain or plain[0] in _NO_COMMAND:
        return
    first = 1
    if (connection := _CONNECTION.get(plain[0])) is not None:
        while first < len(plain) and plain[first] in connection:
            first += 2
        # The service's own command, without which there is none.
        yield from _swap_ends(plain, words, first, first + 1)
        first += 1
    yield from _drop_arguments(text, plain, words, first)
    yield from _swap_ends(plain, words, first, len(plain))
    yield from _swap_neighbours(plain, words, first)
    yield from _off_by_one(plain, words, first)
    for word, (start, _) in zip(plain[first:], words[first:]):
        if lua.is_lua(word):
            for operator, description, begin, end, new in lua.mutants(word[1:-1]):
                yield operator, description, start + 1 + begin, start + 1 + end, new


def _drop_arguments(text: str, plain: list, words: list, first: int):
    for index in range(first, len(plain)):
        last = min(index + OPTIONS.get(plain[index], 0), len(plain) - 1)
        # With the space before it.
        start, end = words[index - 1][1], words[last][1]
        yield "drop-argument", f"drops {short(text[words[index][0]:end])}", start, end, ""


def _swap_ends(plain: list, words: list, first: int, last: int):
    for word, span in zip(plain[first:last], words[first:last]):
        if other := opposite(word):
            yield "swap-ends", f"{short(word)} becomes {short(other)}", *span, other


def _swap_neighbours(plain: list, words: list, first: int):
    for index in range(first, len(plain) - 1):
        one, other = plain[index : index + 2]
        if one != other and one.startswith("$") == other.startswith("$") and not lua.is_lua(one):
            span = words[index][0], words[index + 1][1]
            yield "swap-arguments", f"swaps {short(one)} and {short(other)}", *span, f"{other} {one}"


def _off_by_one(plain: list, words: list, first: int):
    # How long a command waits, its last word, says nothing where there is something to take.
    waits = 0 < first <= len(plain) and re.fullmatch("B(L|R|Z)[A-Z]+", plain[first - 1])
    for index in range(first, len(plain) - (1 if waits else 0)):
        if INTEGER.fullmatch(plain[index]):
            for other in neighbours(int(plain[index])):
                yield "off-by-one", f"`{plain[index]}` becomes `{other}`", *words[index], str(other)

