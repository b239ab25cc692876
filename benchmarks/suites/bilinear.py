"""Bilinear games: pure rotation, from two numbers to a thousand and from condition 1 to a million."""

import functools

import jax

from benchmarks.suites.rivals import RIVALS
from benchmarks.suites.suite import USUAL, Entry, Race
from gamesolve import games, registry
from gamesolve.game import Game


def _coupled(size: int, condition: float) -> Game:
    return games.random_quadratic(jax.random.key(0), (size, size), rotation=1.0, condition=condition)


def _entry(size: int, condition: float, **settings: object) -> Entry:
    name = f"{2 * size}-condition-{condition:.0e}".replace("e+0", "e")
    summary = f"x^T M y in {size} + {size} dimensions, condition {condition:g}"
    return Entry(name, functools.partial(_coupled, size, condition), summary, **settings)  # pyright: ignore


SUITE = Race(
    "bilinear",
    "Who settles where the flow only turns, and what does a large condition number cost?",
    (
        Entry("scalar", functools.partial(games.bilinear, 1.0), "x y on two numbers", solvers=(*USUAL, *RIVALS)),
        *(_entry(10, condition) for condition in (1.0, 10.0, 1e2, 1e4, 1e6)),
        _entry(500, 10.0, solvers=registry.CORE, budget=200),
    ),
    registry.SOLVERS | RIVALS,
    x64=True,
    rated=True,
)
