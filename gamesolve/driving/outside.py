"""What a function reads from outside: globals, variables that it closes over, and defaults."""

import functools
import pathlib
import types
from typing import Any

# Functions of this package read nothing that changes.
PACKAGE = str(pathlib.Path(__file__).parents[1])


def variables(function: types.FunctionType) -> dict[str, Any]:
    """Return the variables that a function does not define itself: globals, closed-over ones and defaults."""
    outside = function.__globals__
    read = {name: outside[name] for name in names_read(function) if name in outside} | closed_over(function)
    if function.__defaults__ or function.__kwdefaults__:
        read["a default"] = (function.__defaults__, function.__kwdefaults__)
    return read


def closed_over(function: types.FunctionType) -> dict[str, Any]:
    """Return the variables of enclosing functions that a function reads, as far as they have values."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _filled(cell)}


def names_read(function: Any) -> tuple[str, ...]:
    """Return the names of globals and attributes in a function; none if it belongs to an installed library."""
    code = getattr(function, "__code__", None)
    return () if code is None or installed(code.co_filename) else _names_in(code)


@functools.lru_cache(maxsize=1024)
def _names_in(code: types.CodeType) -> tuple[str, ...]:
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    names = (*code.co_names, *code.co_freevars, *(name for entry in inner for name in _names_in(entry)))
    return tuple(dict.fromkeys(names))


@functools.lru_cache(maxsize=1024)
def installed(file: str) -> bool:
    """Return whether a file belongs to this package or to another installed one."""
    return "site-packages" in file or file.startswith(PACKAGE)


def _filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
