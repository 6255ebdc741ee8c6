"""Results as JSON: what a function returns, on one line of bytes."""

import collections.abc
import json

MAX_LINE = 8 * 1024 * 1024


class Unusable(Exception):
    """A result that has no form in JSON."""


def encode(reply):
    """One line for a reply; raises Unusable with a sentence the learner reads."""
    try:
        try:
            text = json.dumps(reply, ensure_ascii=False, allow_nan=False, default=_other)
        except TypeError:
            # Perhaps a key is bytes; a value that has no form raises again.
            text = json.dumps(_plain(reply, 0), ensure_ascii=False, allow_nan=False)
        line = text.encode() + b"\n"
    except UnicodeEncodeError:
        raise Unusable("returned text with a lone surrogate, which is not valid UTF-8") from None
    except ValueError as error:
        raise Unusable(f"returned a value that JSON cannot hold: {error}") from None
    except RecursionError:
        raise Unusable("returned a value that is nested too deeply") from None
    if len(line) > MAX_LINE:
        raise Unusable(f"returned {len(line)} bytes; the most is {MAX_LINE}")
    return line


def is_stream(value):
    """True for what is read item by item: generators, iterators, dict views, deques."""
    plain = (str, bytes, bytearray, memoryview, list, tuple, dict, set, frozenset)
    if value is None or isinstance(value, plain):
        return False
    return isinstance(value, (collections.abc.Iterator, collections.abc.Iterable)) and not isinstance(
        value, collections.abc.Mapping
    )


def _other(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _text(bytes(value))
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    raise Unusable(
        f"returned a {type(value).__name__}; return text, bytes, numbers, booleans, None, "
        "lists, tuples and dictionaries of these, or an iterator"
    )


def _text(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Unusable("returned bytes that are not valid UTF-8") from None


def _plain(value, depth):
    if depth > 200:
        raise RecursionError
    if isinstance(value, collections.abc.Mapping):
        return {_key(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return _plain(_other(value), depth + 1)


def _key(key):
    if isinstance(key, bytes):
        return _text(key)
    if key is None or isinstance(key, (str, int, float, bool)):
        return key
    raise Unusable(f"returned a dictionary with a key of type {type(key).__name__}; use text")
