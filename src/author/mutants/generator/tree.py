"""A Python file as a syntax tree: its scopes, and a piece of it replaced, in the tree and in the text."""

import ast
from collections.abc import Iterator


def scopes(tree: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """The parts that change apart from each other: functions, methods, other statements of the module."""
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            for inner in statement.body:
                name = getattr(inner, "name", "")
                yield f"{statement.name}.{name}", inner
        else:
            yield getattr(statement, "name", ""), statement


def replaced(node, target: ast.AST, new):
    """A copy of a tree with `target` replaced by an expression, or by a list of statements."""
    if node is target:
        return new
    if isinstance(node, ast.AST):
        fields = {name: replaced(value, target, new) for name, value in ast.iter_fields(node)}
        return ast.copy_location(type(node)(**fields), node)
    if isinstance(node, list):
        items = []
        for item in node:
            other = replaced(item, target, new)
            items.extend(other if isinstance(other, list) else [other])
        return items
    return node


class Text:
    """The text of a file, by the places that the tree names."""

    def __init__(self, source: str, tree: ast.Module):
        self.source, self.tree = source.encode(), tree
        self._lines = [0]
        for line in self.source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where a node begins and ends, in bytes."""
        return (
            self._lines[node.lineno - 1] + node.col_offset,
            self._lines[node.end_lineno - 1] + node.end_col_offset,
        )

    def edit(self, scope: ast.stmt, target: ast.AST, new) -> tuple[int, int, str] | None:
        """The least edit that makes the tree what it is to become; `None` when none does.

        Replacing the target's own text keeps comments and layout; where that says something else (it stands in
        brackets of its own, several statements share a line), the whole scope is written anew.
        """
        wanted = ast.dump(replaced(self.tree, target, new))
        for start, end, text in self._attempts(scope, target, new):
            try:
                mutated = (self.source[:start] + text.encode() + self.source[end:]).decode()
                if ast.dump(ast.parse(mutated)) == wanted:
                    # What parses may still be refused, such as `:=` in some places.
                    compile(mutated, "mutant", "exec")
                    return start, end, text
            except (SyntaxError, ValueError):
                pass
        return None

    def _attempts(self, scope: ast.stmt, target: ast.AST, new):
        start, end = self.span(target)
        own = self.source[start:end].decode()
        if isinstance(new, list):
            lines = [own if one is target else _indented(one, target.col_offset) for one in new]
            yield start, end, _below(lines, target.col_offset)
        else:
            if isinstance(target, ast.Constant) and isinstance(target.value, str):
                # A long text keeps its lines.
                yield start, end, own.replace(target.value, str(new.value), 1)
            text = ast.unparse(new)
            yield start, end, text
            yield start, end, f"({text})"
        whole = replaced(scope, target, new)
        lines = [_indented(one, scope.col_offset) for one in (whole if isinstance(whole, list) else [whole])]
        yield *self.span(scope), _below(lines, scope.col_offset)


def _indented(statement: ast.stmt, indent: int) -> str:
    # A string of several lines gets the indentation as well, which the caller's comparison notices.
    return ast.unparse(statement).replace("\n", "\n" + " " * indent)


def _below(statements: list[str], indent: int) -> str:
    return ("\n" + " " * indent).join(statements)
