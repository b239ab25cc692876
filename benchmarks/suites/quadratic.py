"""Quadratic games: monotone, rotating, ill-conditioned, not monotone, general-sum, with three and five players."""

import functools
from typing import Any

import jax

from benchmarks.suite import USUAL, Entry, Race
from gamesolve import games, registry


def _entry(name: str, summary: str, dims: tuple[int, ...] = (10, 10), solvers: Any = None, **settings: Any) -> Entry:
    make = functools.partial(games.random_quadratic, jax.random.key(3), dims, **settings)
    return Entry(name, make, summary, solvers=solvers)


SUITE = Race(
    "quadratic",
    "Who settles, and how fast, as rotation, conditioning, monotony and the number of players vary?",
    (
        _entry("monotone", "zero-sum, own curvatures and coupling alike, condition 10"),
        _entry("rotating", "zero-sum, the coupling ten times the own curvatures", rotation=10 / 11),
        _entry("ill-conditioned", "zero-sum, condition 1000", condition=1e3),
        # The verdicts on both are known: the flow leaves the first and settles at the second.
        _entry(
            "repelling",
            "zero-sum, one own curvature of each player negative: the flow leaves it",
            rotation=0.3,
            monotone=False,
        ),
        Entry(
            "icr",
            games.icr_quadratic,
            "x^2 + 10 x y + y^2: no equal steps of SimGD settle, unequal ones do",
            solvers=USUAL,
        ),
        _entry("general-sum", "two players, couplings drawn apart", solvers=USUAL, zero_sum=False, rotation=0.3),
        _entry("three-players", "polymatrix zero-sum, 3 + 4 + 5 dimensions", (3, 4, 5)),
        _entry("five-players", "polymatrix zero-sum, 4 dimensions each", (4,) * 5, USUAL),
    ),
    registry.SOLVERS,
    x64=True,
    rated=True,
)
