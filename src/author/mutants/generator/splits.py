"""One atomic command made into several, or a wait into a look: what others do in between is no longer excluded.

Each entry takes a `Command` and returns the expression in its place, or `None` where it does not apply.
"""

import ast
from dataclasses import dataclass


@dataclass
class Command:
    """A command of Redis in a program: `r.lpop(key)`, or `command("LPOP", key)` where words are sent."""

    name: str
    args: list[str]
    options: dict[str, str]
    node: ast.Call
    is_words: bool

    @classmethod
    def read(cls, node: ast.AST) -> "Command | None":
        if not isinstance(node, ast.Call) or any(keyword.arg is None for keyword in node.keywords):
            return None
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        args = [ast.unparse(arg) for arg in node.args]
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.isupper():
            return cls(first.value, args[1:], options, node, True)
        if isinstance(node.func, ast.Attribute):
            return cls(node.func.attr.upper(), args, options, node, False)
        return None

    def send(self, name: str, *args: str, **options: str) -> str:
        """Another command, sent in the same way."""
        words = [*args, *(f"{option}={value}" for option, value in options.items())]
        if self.is_words:
            return f"{ast.unparse(self.node.func)}({', '.join([repr(name), *words])})"
        return f"{ast.unparse(self.node.func.value)}.{name.lower()}({', '.join(words)})"

    def end(self, verb: str, end: str) -> str:
        """`LPOP` or `RPOP`, for an end written out in the program."""
        return ("L" if end.strip("'\"").upper() == "LEFT" else "R") + verb


def _ends(*words: str) -> bool:
    return all(word.strip("'\"").upper() in ("LEFT", "RIGHT") for word in words)


def _move(c: Command, source: str, target: str, take: str, put: str) -> str:
    pop = c.send(c.end("POP", take), source)
    push = c.send(c.end("PUSH", put), target, "moved")
    return f"[moved := {pop}, moved is None or {push}][0]"


def lmove(c: Command):
    ends = c.args[2:] or [c.options.get("src", "'LEFT'"), c.options.get("dest", "'RIGHT'")]
    return _move(c, *c.args[:2], *ends) if len(ends) == 2 and _ends(*ends) else None


def rpoplpush(c: Command):
    return _move(c, *c.args, "RIGHT", "LEFT") if len(c.args) == 2 else None


def blmove(c: Command):
    """Moves what is there, and does not wait."""
    if len(c.args) != 5:
        return None
    source, target, *rest = c.args
    ends = rest[:2] if c.is_words else rest[1:]
    return c.send("LMOVE", source, target, *ends)


def _blocking_pop(c: Command, name: str):
    if c.is_words or not c.args:
        return None
    keys = c.node.args[0]
    if isinstance(keys, (ast.List, ast.Tuple)):
        if len(keys.elts) != 1:
            return None
        keys = keys.elts[0]
    key = ast.unparse(keys)
    answer = f"({key}, *taken[0])" if name.startswith("Z") else f"({key}, taken)"
    return f"[taken := {c.send(name, key)}, {answer} if taken else None][1]"


def blpop(c: Command):
    return _blocking_pop(c, "LPOP")


def brpop(c: Command):
    return _blocking_pop(c, "RPOP")


def bzpopmin(c: Command):
    return _blocking_pop(c, "ZPOPMIN")


def lpop(c: Command):
    read, trim = c.send("LINDEX", *c.args, "0"), c.send("LTRIM", *c.args, "1", "-1")
    return f"[{read}, {trim}][0]" if len(c.args) == 1 and not c.options else None


def rpop(c: Command):
    read, trim = c.send("LINDEX", *c.args, "-1"), c.send("LTRIM", *c.args, "0", "-2")
    return f"[{read}, {trim}][0]" if len(c.args) == 1 and not c.options else None


def lmpop(c: Command):
    end = c.args[-1] if c.is_words else c.options.get("direction", "")
    keys = c.args[1:-1] if c.is_words else c.args[1:]
    if not keys or not _ends(end):
        return None
    pop = c.send(c.end("POP", end), "key")
    return f"next(((key, [taken]) for key in [{', '.join(keys)}] if (taken := {pop}) is not None), None)"


def zpopmin(c: Command):
    if c.is_words or len(c.args) != 1:
        return None
    read = c.send("ZRANGE", c.args[0], "0", "0", withscores="True")
    return f"[first := {read}, first and {c.send('ZREM', c.args[0], 'first[0][0]')}][0]"


def getdel(c: Command):
    return f"[{c.send('GET', *c.args)}, {c.send('DEL' if c.is_words else 'DELETE', *c.args)}][0]"


def incr(c: Command):
    if len(c.args) != 1:
        return None
    return f"[number := int({c.send('GET', *c.args)} or 0) + 1, {c.send('SET', *c.args, 'number')}][0]"


def setnx(c: Command):
    return f"not {c.send('EXISTS', c.args[0])} and {c.send('SET', *c.args)}" if len(c.args) == 2 else None


def set_if_missing(c: Command):
    if c.options.get("nx") != "True" or not c.args:
        return None
    rest = {option: value for option, value in c.options.items() if option != "nx"}
    return f"None if {c.send('EXISTS', c.args[0])} else {c.send('SET', *c.args, **rest)}"


SPLITS = {
    "LMOVE": lmove,
    "RPOPLPUSH": rpoplpush,
    "BLMOVE": blmove,
    "BLPOP": blpop,
    "BRPOP": brpop,
    "BZPOPMIN": bzpopmin,
    "LPOP": lpop,
    "RPOP": rpop,
    "LMPOP": lmpop,
    "ZPOPMIN": zpopmin,
    "GETDEL": getdel,
    "INCR": incr,
    "SETNX": setnx,
    "SET": set_if_missing,
}


def split(node: ast.AST) -> ast.expr | None:
    command = Command.read(node)
    if command is None or command.name not in SPLITS:
        return None
    text = SPLITS[command.name](command)
    return None if text is None else ast.parse(text, mode="eval").body
