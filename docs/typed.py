"""Show types and defaults as the source writes them: ``learning_rate (Rates)``, not the expansion of its type.

They come from the source, because annotations are evaluated when a module is imported: the names of types are lost.
"""

import ast
import inspect
import pathlib
import re
import sys
import textwrap
from typing import Any

from sphinx.application import Sphinx
from sphinx.domains.python import PyObject

SECTION = re.compile(r"^(Args|Attributes):$")
# Modules of this package whose names do not help in front of a type.
ROOMS = re.compile(r"\b(krylov|linear|paper|rates|sampling)\.(?=[A-Z])")
# Names of more than one type: a line of a table or a record of a run, a verdict on a point or on a run.
SHARED = re.compile(r"\b(Row|Verdict)\b")
ENTRY = re.compile(r"^    (\*{0,2}(\w+)): ")


def written(value: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the types and the defaults of a function's arguments or a class's fields, as they are written."""
    try:
        definition = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(value)))).body[0]
    except (OSError, TypeError, SyntaxError):  # no source, or a part of an expression
        return {}, {}
    if isinstance(definition, ast.FunctionDef):
        return of_function(definition)
    if isinstance(definition, ast.ClassDef):
        fields = [line for line in definition.body if is_field(line)]
        return {field.target.id: text(field.annotation) for field in fields}, {}
    return {}, {}


def of_function(definition: ast.FunctionDef) -> tuple[dict[str, str], dict[str, str]]:
    """Return the types of the arguments and of the result, under "return", and the defaults."""
    arguments = definition.args
    placed = [*arguments.posonlyargs, *arguments.args]
    every = [*placed, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    types = {argument.arg: text(argument.annotation) for argument in every if argument and argument.annotation}
    if definition.returns:
        types["return"] = text(definition.returns)
    last = placed[len(placed) - len(arguments.defaults) :]
    pairs = [
        *zip(last, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return types, {argument.arg: ROOMS.sub("", ast.unparse(default)) for argument, default in pairs if default}


def is_field(line: ast.stmt) -> bool:
    """Return whether a line of a class declares a field with its type."""
    return isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)


def text(expression: ast.expr) -> str:
    """Return a type as it is written, without quotes around it."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str) and expression.value[:1].isupper():
        return expression.value
    return ROOMS.sub("", ast.unparse(expression))


def add(_app: Sphinx, what: str, _name: str, value: Any, _options: Any, lines: list[str]) -> None:
    """Write types into the sections Args, Attributes and Returns, and defaults that the text does not give."""
    if what not in ("function", "class", "method"):
        return
    types, defaults = written(value)
    if hasattr(value, "entry"):  # a named solver, which `gamesolve.parametric` has wrapped
        types["return"] = "Solver"
    types = {name: SHARED.sub(lambda word: full(word[0], value), kind) for name, kind in types.items()}
    if files(value):
        types = {name: re.sub(r"\bPath\b", "pathlib.Path", kind) for name, kind in types.items()}
    for start, end in entries(lines):
        entry = ENTRY.match(lines[start])
        about = " ".join(lines[start:end])
        if entry[2] in defaults and "efault" not in about:
            lines[end - 1] += f"{'' if about.endswith('.') else '.'} Default: ``{defaults[entry[2]]}``."
        if entry[2] in types:
            lines[start] = f"    {entry[1]} ({types[entry[2]]}): {lines[start][entry.end() :]}"
    if "Returns:" in lines and types.get("return", "Any") != "Any":
        first = lines.index("Returns:") + 1
        lines[first] = f"    {types['return']}: {lines[first].strip()}"


def full(word: str, value: Any) -> str:
    """Return the full name of a type that an object calls by a name of several types."""
    meant = vars(sys.modules[value.__module__]).get(word)
    if inspect.isclass(meant) and meant.__module__.startswith("gamesolve"):
        return f"~{meant.__module__}.{meant.__qualname__}"
    return f"~gamesolve.trees.{word}"


def files(value: Any) -> bool:
    """Return whether ``Path`` in the types of an object is that of pathlib, and not `analysis.Path`."""
    return vars(sys.modules[value.__module__]).get("Path") is pathlib.Path


def entries(lines: list[str]) -> list[tuple[int, int]]:
    """Return the first line of each entry of the sections, and the line after its last one."""
    inside, found = False, []
    for number, line in enumerate(lines):
        if line and not line.startswith(" "):
            inside = bool(SECTION.match(line))
        elif inside and ENTRY.match(line):
            found.append((number, number + 1))
        elif inside and line.strip() and found:
            found[-1] = (found[-1][0], number + 1)
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Add to the docstrings before napoleon reads their sections; call the attributes of a class by that name."""
    app.connect("autodoc-process-docstring", add, priority=400)
    for kind in PyObject.doc_field_types:
        if kind.name == "variable":
            kind.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
