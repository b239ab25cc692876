"""Methods from elsewhere that run in the suites beside the solvers of the registry: one file each, found by itself.

A file has a ``METHOD``, and may name its suites in ``SUITES``. A method is a `SolverEntry`, whose constructor returns
an optax transformation, or a `Loop` around a function that looks for a zero of the field. `benchmarks/README.md` shows
how to enter one.
"""

import functools
import importlib
import pkgutil

from benchmarks.outside.loop import Loop
from gamesolve.solvers.entry import SolverEntry

Method = SolverEntry | Loop
# The suites of a method that names none: games without sets and noise.
SUITES = ("bilinear", "quadratic")


def methods(suite: str) -> dict[str, Method]:
    """Return the methods of a suite by name, in the order of their files."""
    return {method.name: method for method, suites in _found() if suite in suites}


@functools.cache
def _found() -> list[tuple[Method, tuple[str, ...]]]:
    files = [importlib.import_module(f"{__name__}.{each.name}") for each in pkgutil.iter_modules(__path__)]
    return [(file.METHOD, getattr(file, "SUITES", SUITES)) for file in files if hasattr(file, "METHOD")]
