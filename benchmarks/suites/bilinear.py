"""Bilinear games: pure rotation, with 2 to 1000 parameters and condition 1 to a million."""

import functools

import jax

from benchmarks.outside import methods
from benchmarks.suites.suite import USUAL, Entry, Race
from gamesolve import games, registry


def _entry(size: int, condition: float, solvers: tuple[str, ...] | None = None, budget: int | None = None) -> Entry:
    name = f"{2 * size}-condition-{condition:.0e}".replace("e+0", "e")
    summary = f"x^T M y in {size} + {size} dimensions, condition {condition:g}"
    settings = {"rotation": 1.0, "condition": condition}
    make = functools.partial(games.random_quadratic, jax.random.key(0), (size, size), **settings)
    return Entry(name, make, summary, solvers=solvers, budget=budget)


OUTSIDE = methods("bilinear")
SUITE = Race(
    "bilinear",
    "Which solvers converge if the flow only rotates, and how does the condition number matter?",
    (
        Entry("scalar", functools.partial(games.bilinear, 1.0), "x y on two numbers", solvers=(*USUAL, *OUTSIDE)),
        *(_entry(10, condition) for condition in (1.0, 10.0, 1e2, 1e4, 1e6)),
        _entry(500, 10.0, registry.CORE, 200),
    ),
    registry.SOLVERS | OUTSIDE,
    x64=True,
    rated=True,
)
