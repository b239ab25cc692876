"""Quadratic games: monotone, rotating, ill-conditioned, not monotone, general-sum, with three and five players."""

import functools
from collections.abc import Sequence
from typing import Any

import jax

from benchmarks.outside import methods
from benchmarks.suites.suite import USUAL, Entry, Race
from gamesolve import games, registry


def _entry(
    name: str,
    summary: str,
    dims: tuple[int, ...] = (10, 10),
    solvers: Sequence[str] | None = None,
    flow: str = "stable",
    **settings: Any,
) -> Entry:
    make = functools.partial(games.random_quadratic, jax.random.key(3), dims, **settings)
    return Entry(name, make, summary, solvers=solvers, flow=flow)


OUTSIDE = methods("quadratic")
SOME = (*USUAL, *OUTSIDE)
REPELLING = "zero-sum, one diagonal curvature of each player negative: the flow leaves the equilibrium"
NON_MONOTONE = "the same with a coupling so strong that the flow converges nevertheless"
ICR = "x^2 + 10 x y + y^2: SimGD converges with unequal step sizes only"
SUITE = Race(
    "quadratic",
    "Which solvers converge, and how fast, as rotation, conditioning, monotonicity and the number of players vary?",
    (
        _entry("monotone", "zero-sum, diagonal curvatures and coupling of equal size, condition 10"),
        _entry("rotating", "zero-sum, the coupling ten times the diagonal curvatures", rotation=10 / 11),
        _entry("ill-conditioned", "zero-sum, condition 1000", condition=1e3),
        _entry("repelling", REPELLING, rotation=0.3, monotone=False, flow="unstable"),
        _entry("non-monotone", NON_MONOTONE, solvers=SOME, rotation=0.9, monotone=False),
        Entry("icr", games.icr_quadratic, ICR, solvers=SOME, flow="neutral"),
        _entry("general-sum", "two players, independent couplings", solvers=SOME, zero_sum=False, rotation=0.2),
        _entry("three-players", "polymatrix zero-sum, 3 + 4 + 5 dimensions", (3, 4, 5), SOME),
        _entry("five-players", "polymatrix zero-sum, 4 dimensions each", (4,) * 5, SOME),
    ),
    registry.SOLVERS | OUTSIDE,
    x64=True,
    rated=True,
)
