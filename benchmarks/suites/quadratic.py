"""Quadratic games: monotone, rotating, ill-conditioned, not monotone, general-sum, with three and five players."""

import functools
from typing import Any

import jax

from benchmarks.suites.suite import USUAL, Entry, Race
from gamesolve import games, registry


def _entry(
    name: str,
    summary: str,
    dims: tuple[int, ...] = (10, 10),
    solvers: Any = None,
    flow: str = "stable",
    **settings: Any,
) -> Entry:
    make = functools.partial(games.random_quadratic, jax.random.key(3), dims, **settings)
    return Entry(name, make, summary, solvers=solvers, flow=flow)


SUITE = Race(
    "quadratic",
    "Who settles, and how fast, as rotation, conditioning, monotony and the number of players vary?",
    (
        _entry("monotone", "zero-sum, own curvatures and coupling alike, condition 10"),
        _entry("rotating", "zero-sum, the coupling ten times the own curvatures", rotation=10 / 11),
        _entry("ill-conditioned", "zero-sum, condition 1000", condition=1e3),
        _entry(
            "repelling",
            "zero-sum, one own curvature of each player negative: the flow leaves it",
            rotation=0.3,
            monotone=False,
            flow="unstable",
        ),
        _entry(
            "non-monotone",
            "the same with a coupling so strong that the flow settles all the same",
            solvers=USUAL,
            rotation=0.9,
            monotone=False,
        ),
        Entry(
            "icr",
            games.icr_quadratic,
            "x^2 + 10 x y + y^2: no equal steps of SimGD settle, unequal ones do",
            solvers=USUAL,
            flow="neutral",
        ),
        _entry("general-sum", "two players, couplings drawn apart", solvers=USUAL, zero_sum=False, rotation=0.2),
        _entry("three-players", "polymatrix zero-sum, 3 + 4 + 5 dimensions", (3, 4, 5), USUAL),
        _entry("five-players", "polymatrix zero-sum, 4 dimensions each", (4,) * 5, USUAL),
    ),
    registry.SOLVERS,
    x64=True,
    rated=True,
)
