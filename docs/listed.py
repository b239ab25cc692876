"""The public names that the pages in docs/api list, and those that they must list.

A missing one fails the build and the tests.
"""

import importlib
import pathlib
import re
import runpy
from types import ModuleType
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
FILL = runpy.run_path(str(HERE / "fill.py"))["fill"]
PAGES = {
    path.relative_to(HERE).with_suffix("").as_posix(): FILL(path.read_text(encoding="utf-8"))
    for path in sorted((HERE / "api").rglob("*.md"))
}
TITLES = {page: text.partition("\n")[0].removeprefix("# ") for page, text in PAGES.items()}
# The names in tables have a page each; modules and data are described on the page that lists them.
BY_PAGE = {page: re.findall(r"^   ~?(gamesolve\.[\w.]+)$", text, re.MULTILINE) for page, text in PAGES.items()}
DESCRIBED = [
    name for text in PAGES.values() for name in re.findall(r"^\.\. (?:automodule|py:data):: (\S+)$", text, re.MULTILINE)
]
EVERY = [*DESCRIBED, *(name for names in BY_PAGE.values() for name in names)]
LISTED = frozenset(EVERY)
MODULES = (
    "gamesolve",
    "gamesolve.transforms",
    "gamesolve.games",
    "gamesolve.games.gan",
    "gamesolve.analysis",
    "gamesolve.metrics",
    "gamesolve.sampling",
    "gamesolve.checkpoint",
    "gamesolve.checkpoint.orbax",
    "gamesolve.loggers",
    "gamesolve.driving.stopping",
    "gamesolve.distributed",
    "gamesolve.estimators",
    "gamesolve.linear",
    "gamesolve.registry",
    "gamesolve.plots",
    "gamesolve.plots.animate",
    "gamesolve.compare",
    "gamesolve.watching",
)


def find(path: str) -> Any:
    """Return the object or module with this full name."""
    before, _, name = path.rpartition(".")
    parent = find(before) if before else None
    return getattr(parent, name) if hasattr(parent, name) else importlib.import_module(path)


def public_names(module: ModuleType) -> list[str]:
    """Return ``__all__`` without its numbers, or else the functions and classes that the module itself defines."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return [name for name in names if not isinstance(getattr(module, name), int | float)]


NAMES = [f"{module}.{name}" for module in MODULES for name in public_names(importlib.import_module(module))]


def lacking(listed: frozenset[str] = LISTED) -> list[str]:
    """Return the public names that are missing from the pages."""
    return sorted({*MODULES, *NAMES} - listed)
