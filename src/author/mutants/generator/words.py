"""Words of the services that have an opposite or a meaning of their own, whatever the language they stand in."""

import re

_PAIRS = [
    ("LEFT", "RIGHT"),
    ("LPUSH", "RPUSH"),
    ("LPUSHX", "RPUSHX"),
    ("LPOP", "RPOP"),
    ("BLPOP", "BRPOP"),
    ("ZPOPMIN", "ZPOPMAX"),
    ("BZPOPMIN", "BZPOPMAX"),
    ("ZRANGE", "ZREVRANGE"),
    ("XRANGE", "XREVRANGE"),
    ("INCR", "DECR"),
    ("INCRBY", "DECRBY"),
    ("MIN", "MAX"),
    ("ASC", "DESC"),
    ("BEFORE", "AFTER"),
]
OPPOSITES = {a: b for one, other in _PAIRS for a, b in ((one, other), (other, one))}

# Options of commands, and how many words follow each.
OPTIONS = {
    **dict.fromkeys(["NX", "XX", "GT", "LT", "KEEPTTL", "WITHSCORES", "MKSTREAM", "NOACK", "REV"], 0),
    **dict.fromkeys(["EX", "PX", "EXAT", "PXAT", "COUNT", "BLOCK"], 1),
    "LIMIT": 2,
}

INTEGER = re.compile(r"-?[0-9]{1,3}")


def opposite(word: str) -> str | None:
    """The word for the other end, in the case of this one."""
    other = OPPOSITES.get(word.upper())
    if other is None or word not in (word.upper(), word.lower()):
        return None
    return other if word.isupper() else other.lower()


def neighbours(number: int) -> list[int]:
    """What somebody who is off by one writes. Large numbers are limits and sizes, where one more changes nothing."""
    return [number + 1, number - 1] if abs(number) < 1000 else []


def short(text: str) -> str:
    """A piece of source for a description of one line."""
    text = " ".join(text.split())
    return f"`{text}`" if len(text) <= 70 else f"`{text[:69]}…`"
