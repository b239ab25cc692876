"""The public names that docs/api.md lists, and those that it must list: a missing one fails the build and the tests."""

import importlib
import pathlib
import re
import runpy
from types import ModuleType

HERE = pathlib.Path(__file__).resolve().parent
API = runpy.run_path(str(HERE / "fill.py"))["fill"]((HERE / "api.md").read_text(encoding="utf-8"))
LISTED = frozenset(re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", API, re.MULTILINE))
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


def public_names(module: ModuleType) -> list[str]:
    """Return ``__all__`` without its numbers, or else the functions and classes that the module itself defines."""
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    names = getattr(module, "__all__", [name for name in own if not name.startswith("_")])
    return [name for name in names if not isinstance(getattr(module, name), int | float)]


NAMES = [f"{module}.{name}" for module in MODULES for name in public_names(importlib.import_module(module))]


def lacking(listed: frozenset[str] = LISTED) -> list[str]:
    """Return the public names that are missing from the page."""
    return sorted({*MODULES, *NAMES} - listed)
