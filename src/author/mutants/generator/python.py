"""Mutants of Python programs, by the syntax tree.

An operator is a generator over (description, new node or statements) for one node; `OPERATORS` names them all.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import lua
from change import Change
from splits import Command, split
from tree import Text, replaced, scopes
from words import OPTIONS, neighbours, opposite, short

# Calls that only reach the service or tell people something: a mutant of these is no mistake about the service.
_ASIDE = {
    "Redis", "StrictRedis", "from_url", "ConnectionPool", "create_connection", "setsockopt", "getenv", "environ.get",
    "print", "debug", "info", "warning", "exception", "getLogger", "hasattr", "isinstance",
}  # fmt: skip
# Calls that do not care for the order of their arguments, and whose numbers are bounds.
_BOUNDS = ("min", "max")
# Keywords that say how long: one more or less is no mistake.
_TIMES = {"timeout", "block", "ex", "px", "exat", "pxat"}
# Keywords without which a call is senseless, and those that the default equals or that only save memory.
_KEPT = {"keys", "args", "direction", "transaction", "decode_responses", "approximate", "maxlen", "name", "target"}


@dataclass
class Site:
    """A node, and the nodes around it, the nearest last."""

    node: ast.AST
    around: tuple

    @property
    def parent(self):
        return self.around[-1] if self.around else None


def call(node: ast.AST, *names: str) -> bool:
    """Whether it is a call of one of these functions or methods."""
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    return any(name == n or name.endswith("." + n) for n in names)


def drop_statement(site: Site):
    node, parent = site.node, site.parent
    # A condition for this alone: that it never holds is the same.
    if isinstance(parent, ast.If) and parent.body == [node] and not parent.orelse:
        return
    if isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Yield, ast.Constant)):
        yield f"drops {short(ast.unparse(node))}", [ast.Pass()]
    if isinstance(node, (ast.AugAssign, ast.Break, ast.Continue)) or (isinstance(node, ast.Return) and not node.value):
        yield f"drops {short(ast.unparse(node))}", [ast.Pass()]
    if isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
        yield f"drops {short(ast.unparse(node))}", [ast.Pass()]


def drop_watch(site: Site):
    node = site.node
    if isinstance(node, ast.Expr) and (command := Command.read(node.value)) and command.name in ("WATCH", "MULTI"):
        yield f"drops {short(ast.unparse(node))}", [ast.Pass()]
    if call(node, "transaction") and len(node.args) > 1:
        yield f"drops the watched keys of {short(ast.unparse(node))}", _with(node, args=node.args[:1])


def drop_link(site: Site):
    """One call of a chain such as `pipe.xack(…).xdel(…).execute()`."""
    node, parent = site.node, site.parent
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    in_chain = isinstance(parent, ast.Attribute) and isinstance(site.around[-2], ast.Call)
    if isinstance(node.func.value, ast.Call) or in_chain:
        link = _with(node, func=ast.Name(node.func.attr, ast.Load()))
        yield f"drops {short('.' + ast.unparse(link))}", node.func.value


def drop_guard(site: Site):
    node, parent = site.node, site.parent
    if isinstance(parent, (ast.If, ast.IfExp)) and node is parent.test:
        yield f"{short(ast.unparse(node))} always holds", ast.Constant(True)
        yield f"{short(ast.unparse(node))} never holds", ast.Constant(False)
    if isinstance(parent, ast.comprehension) and node in parent.ifs:
        yield f"{short(ast.unparse(node))} always holds", ast.Constant(True)


def negate_condition(site: Site):
    node, parent = site.node, site.parent
    if isinstance(parent, ast.While) and node is parent.test and not isinstance(node, ast.Constant):
        yield f"negates {short(ast.unparse(node))}", ast.UnaryOp(ast.Not(), node)


def loop_once(site: Site):
    node, loop = site.node, site.parent
    ends = isinstance(node, (ast.Return, ast.Break, ast.Raise))
    if isinstance(loop, (ast.While, ast.For)) and node is loop.body[-1] and not ends:
        head = ast.unparse(loop).splitlines()[0]
        yield f"{short(head)} runs once", [node, ast.Break()]


def swap_ends(site: Site):
    node, parent = site.node, site.parent
    is_method = isinstance(node, ast.Attribute) and isinstance(parent, ast.Call) and node is parent.func
    if is_method and (other := opposite(node.attr)):
        yield f"`{node.attr}` becomes `{other}`", _with(node, attr=other)
    if _constant(node, str) and (other := opposite(node.value)):
        yield f"`{node.value}` becomes `{other}`", ast.Constant(other)


def split_command(site: Site):
    if (new := split(site.node)) is not None:
        yield f"{short(ast.unparse(site.node))} becomes {short(ast.unparse(new))}", new


def no_transaction(site: Site):
    node = site.node
    if call(node, "pipeline") and not any(k.arg == "transaction" for k in node.keywords):
        keywords = [*node.keywords, ast.keyword("transaction", ast.Constant(False))]
        yield "the pipeline is no transaction", _with(node, keywords=keywords)


def flip_boolean(site: Site):
    node, parent = site.node, site.parent
    is_option = isinstance(parent, ast.keyword) and parent.arg and parent.arg not in _KEPT - {"transaction"}
    # An option of a command is there or not.
    if is_option and parent.arg.upper() not in OPTIONS and _constant(node, bool):
        yield f"`{parent.arg}={node.value}` becomes `{not node.value}`", ast.Constant(not node.value)


def drop_option(site: Site):
    node = site.node
    if not isinstance(node, ast.Call):
        return
    for keyword in (k for k in node.keywords if k.arg):
        is_flag = _constant(keyword.value, bool) and keyword.arg.upper() not in OPTIONS
        is_default = keyword.arg == "count" and _integer(keyword.value) == 1 and call(node, "lmpop", "blmpop", "zmpop")
        if keyword.arg not in _KEPT and not is_flag and not is_default:
            rest = [k for k in node.keywords if k is not keyword]
            yield f"drops `{ast.unparse(keyword)}`", _with(node, keywords=rest)
    for index, arg in enumerate(node.args):
        if isinstance(arg, ast.Constant) and arg.value in OPTIONS:
            last = index + 1 + OPTIONS[arg.value]
            dropped = ", ".join(map(ast.unparse, node.args[index:last]))
            yield f"drops {short(dropped)}", _with(node, args=node.args[:index] + node.args[last:])


def swap_arguments(site: Site):
    node = site.node
    if not isinstance(node, ast.Call) or call(node, *_BOUNDS):
        return
    command = Command.read(node)
    # The first word of a command that is sent as words is its name.
    for index in range(1 if command and command.is_words else 0, len(node.args) - 1):
        one, other = node.args[index : index + 2]
        if _kind(one) == _kind(other) and not isinstance(one, ast.Starred):
            args = [*node.args[:index], other, one, *node.args[index + 2 :]]
            yield f"swaps {short(ast.unparse(one))} and {short(ast.unparse(other))}", _with(node, args=args)


def swap_elements(site: Site):
    """An order of words that means something, such as that of priorities; not a list of key names."""
    node = site.node
    if not isinstance(node, (ast.Tuple, ast.List)) or isinstance(site.parent, ast.Assign):
        return
    words = [e.value if isinstance(e, ast.Constant) else None for e in node.elts]
    if not all(isinstance(word, str) and word.isalpha() for word in words):
        return
    for index in range(len(words) - 1):
        elts = [*node.elts[:index], node.elts[index + 1], node.elts[index], *node.elts[index + 2 :]]
        yield f"swaps `{words[index]}` and `{words[index + 1]}`", _with(node, elts=elts)


def off_by_one(site: Site):
    node, parent = site.node, site.parent
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) and _integer(node.right) == 1:
        yield f"{short(ast.unparse(node))} becomes {short(ast.unparse(node.left))}", node.left
    # An index into an answer would only raise; half of a negative number is no number.
    if isinstance(parent, (ast.Subscript, ast.UnaryOp)) or call(parent, *_BOUNDS):
        return
    if isinstance(parent, ast.keyword) and parent.arg in _TIMES:
        return
    # How many equal ones go: jobs and messages are told apart by their text.
    if (command := Command.read(parent)) and command.name == "LREM":
        return
    # A size that the module names once for all.
    if isinstance(parent, ast.Assign) and len(site.around) == 1:
        return
    number = _integer(node)
    if number is not None:
        # `n - 0` is `n`, which is had already.
        is_step = number == 1 and isinstance(parent, ast.BinOp) and node is parent.right
        for other in neighbours(number)[: 1 if is_step else 2]:
            yield f"`{number}` becomes `{other}`", ast.parse(str(other), mode="eval").body


def boundary(site: Site):
    node = site.node
    others = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and (other := others.get(type(node.ops[0]))):
        new = _with(node, ops=[other()])
        yield f"{short(ast.unparse(node))} becomes {short(ast.unparse(new))}", new


def return_none(site: Site):
    node = site.node
    if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield f"returns None in place of {short(ast.unparse(node.value))}", [ast.Return(ast.Constant(None))]


def in_lua(site: Site):
    """Mutants of a script in the program: (operator, description, new)."""
    node = site.node
    if _constant(node, str) and lua.is_lua(node.value):
        for operator, description, start, end, text in lua.mutants(node.value):
            yield operator, description, ast.Constant(node.value[:start] + text + node.value[end:])


OPERATORS = {
    "drop-watch": drop_watch,
    "drop-statement": drop_statement,
    "drop-link": drop_link,
    "drop-guard": drop_guard,
    "negate-condition": negate_condition,
    "loop-once": loop_once,
    "swap-ends": swap_ends,
    "split-command": split_command,
    "no-transaction": no_transaction,
    "flip-boolean": flip_boolean,
    "drop-option": drop_option,
    "swap-arguments": swap_arguments,
    "swap-elements": swap_elements,
    "off-by-one": off_by_one,
    "boundary": boundary,
    "return-none": return_none,
}


def sites(node: ast.AST, around: tuple = ()) -> Iterator[Site]:
    """The nodes of a scope in which a mistake about the service can be made."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.Raise, ast.Assert, ast.arguments, ast.JoinedStr)):
        return
    # What is refused with an exception does not happen in a lab.
    if isinstance(node, ast.If) and not node.orelse and all(isinstance(s, ast.Raise) for s in node.body):
        return
    if call(node, *_ASIDE):
        return
    if isinstance(node, ast.Expr) and (isinstance(node.value, ast.Constant) or call(node.value, *_ASIDE)):
        return
    yield Site(node, around)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from sites(child, (*around, node))


def mutants(source: str) -> Iterator[Change]:
    tree = ast.parse(source)
    text = Text(source, tree)
    for name, scope in scopes(tree):
        before = ast.unparse(scope)
        for site in sites(scope):
            found = [(o, *pair) for o, operator in OPERATORS.items() for pair in operator(site)]
            for operator, description, new in [*found, *in_lua(site)]:
                after = _unparse(replaced(scope, site.node, new))
                edit = partial(text.edit, scope, site.node, new)
                yield Change(operator, description, name, before, after, edit)


def _unparse(scope) -> str:
    return "\n".join(map(ast.unparse, scope)) if isinstance(scope, list) else ast.unparse(scope)


def _with(node: ast.AST, **fields):
    """A copy of a node with some fields replaced."""
    return ast.copy_location(type(node)(**{**dict(ast.iter_fields(node)), **fields}), node)


def _constant(node: ast.AST, kind: type) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, kind)


def _kind(node: ast.AST):
    """Arguments of different kinds, swapped, would only raise."""
    return type(node) if isinstance(node, (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Starred)) else None


def _integer(node: ast.AST) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _integer(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None
