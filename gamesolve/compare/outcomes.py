"""Decide how runs ended: whether each has converged or diverged, after how many steps, and at which equilibrium."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from gamesolve import linear
from gamesolve.compare.problem import Problem
from gamesolve.compare.trajectories import Trajectories
from gamesolve.compare.vectors import nearest, ravel
from gamesolve.driving.solve import Status
from gamesolve.game import Players, as_players

# A run that ends this many times farther away than it started has diverged, even if it has not overflowed.
GROWTH = 1e3
# A run has converged when the norm of its field falls, and stays, below this many times the tolerance of inner
# solves, relative to the start: 1e-5 in float32, 1e-11 in float64. The rounding of the players can hide less.
TOLERANCE = 10


class Outcome(NamedTuple):
    """How a run ended, and after how many steps: from which step on the field was small, or the run not finite."""

    status: Status
    steps: int


def outcome(distances: np.ndarray, residuals: np.ndarray, tolerance: float, finite: bool = True) -> Outcome:
    """Return how one run ended.

    The run goes on after it has converged: a run that merely passes by an equilibrium has not converged.

    Args:
        distances: distance to the equilibrium, or norm of the field if no equilibrium is known; shape (steps + 1,).
        residuals: norm of the field, shape (steps + 1,).
        tolerance: relative tolerance of inner solves.
        finite: whether the run itself stayed finite.
    """
    small = residuals <= TOLERANCE * tolerance * residuals[0]
    known = np.isfinite(residuals) & np.isfinite(distances)
    if small[-1] and not _grown(distances):
        return Outcome(Status.CONVERGED, 0 if small.all() else small.size - int(np.argmin(small[::-1])))
    last = distances.size - 1
    if not (finite and known.all()):
        return Outcome(Status.DIVERGED, int(np.argmin(known)) or last)
    return Outcome(Status.DIVERGED if _grown(distances) else Status.BUDGET, last)


def _grown(curve: np.ndarray) -> bool:
    return bool(curve[-1] > GROWTH * max(curve[0], np.finfo(curve.dtype).tiny))


def equilibrium_of(problem: Problem, runs: Trajectories, outcomes: Sequence[Outcome]) -> tuple[Players | None, bool]:
    """Return the equilibrium that the runs approach, and whether it is a known one.

    It is the known equilibrium nearest to the end. If a run has converged elsewhere, it is that run's end.
    """
    converged = [seed for seed, ended in enumerate(outcomes) if ended.status is Status.CONVERGED]
    seed = converged[0] if converged else 0
    end = jax.tree.map(lambda leaf: leaf[seed], runs.ends)
    known = problem.game.equilibria
    if not known:
        return (end if converged else None), False
    distances = runs.distances[seed]
    elsewhere = math.sqrt(linear.default_tolerance(end)) * max(1.0, float(distances[0]))
    if converged and distances[outcomes[seed].steps] > elsewhere:
        return end, False
    if not np.all(np.isfinite(ravel(end))):
        return problem.equilibrium, True
    return as_players(nearest(known, end), problem.game.num_players), True
