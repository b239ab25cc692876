"""Propose solvers: search each family's hyperparameters on the linear model, and predict evaluations and rates."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve import analysis
from gamesolve.advice import runs
from gamesolve.advice.families import Family, Scales
from gamesolve.advice.model import Model
from gamesolve.advice.runs import Setup
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.trees import Players

# Steps between two looks at the runs.
PIECE = 50
# A family is given up when it has taken this many times the evaluations of the best one so far.
PATIENCE = 3.0
# Families within this factor of the best are refined, with so many settings and these widths of the search.
CLOSE, SETTINGS, WIDTHS = 2.0, 48, (0.3, 0.1)
# Smallest and largest ratio of the step sizes of player 0 and the others, and those that a search begins with.
RATIOS = (1.0, 0.2, 5.0)
EXTREME = 100.0
# Steps after which a solver has forgotten the moments of its way: ten memories of Adam's second moments.
LATER = 10_000
# Players this many times farther away than at the start have diverged.
FAR = 1e3


class Proposal(NamedTuple):
    """A solver with hyperparameters, and what is predicted.

    Attributes:
        family: its family.
        values: its hyperparameters, see `Family.build`.
        evaluations: predicted fields and products until the target; infinite if it does not get there, None without a
            prediction.
        mean: the same in the mean over several starts, by which proposals are ranked.
    """

    family: Family
    values: np.ndarray
    evaluations: float | None
    mean: float = np.inf


def propose(
    model: Model, families: Sequence[Family], scales: Scales, target: float, most: float, unknowns: int
) -> list[Proposal]:
    """Return the best settings of each family on a model, the cheapest first.

    Args:
        model: the model.
        families: the families.
        scales: units of the hyperparameters.
        target: factor by which the norm of the field, or the natural residual, must fall.
        most: largest number of evaluations of a run.
        unknowns: number of parameters of the game.
    """
    found: list[Proposal] = []
    best = most
    for family in families:
        found.append(_tried(model, family, first_values(family, scales), target, best * PATIENCE, unknowns))
        best = min(best, found[-1].mean)
    generator = np.random.default_rng(0)
    for width in WIDTHS:
        for i, proposal in enumerate(found):
            if proposal.mean <= CLOSE * best:
                near = nearby(proposal.family, proposal.values, scales, width, SETTINGS, generator)
                found[i] = _tried(model, proposal.family, near, target, best * PATIENCE, unknowns)
                best = min(best, found[i].mean)
    return sorted(found, key=lambda proposal: proposal.mean)


def first_values(family: Family, scales: Scales) -> np.ndarray:
    """Return the settings with which a search begins, shape (settings, hyperparameters)."""
    columns = [[value * scales.of(axis.unit) for value in axis.values] for axis in family.axes]
    alone = family.separate and len(columns) == 1
    return np.array(list(itertools.product(columns[0], RATIOS if alone else RATIOS[:1], *columns[1:])))


def nearby(
    family: Family, values: np.ndarray, scales: Scales, width: float, count: int, generator: np.random.Generator
) -> np.ndarray:
    """Return settings around given ones, which come first."""
    moves = width * generator.normal(size=(count, len(values)))
    moves[0] = 0
    columns = [values[0] * np.exp(moves[:, 0]), values[1] * np.exp(2 * moves[:, 1] * family.separate)]
    for axis, value, move in zip(family.axes[1:], values[2:], moves[:, 2:].T, strict=True):
        columns.append(value * np.exp(move) if axis.logarithmic else value + move)
    limits = [(axis.low * scales.of(axis.unit), axis.high * scales.of(axis.unit)) for axis in family.axes]
    limits.insert(1, (1 / EXTREME, EXTREME))
    return np.stack([np.clip(column, *limit) for column, limit in zip(columns, limits, strict=True)], axis=1)


def _tried(model: Model, family: Family, values: np.ndarray, target: float, most: float, unknowns: int) -> Proposal:
    """Return the best of some settings: that with the fewest evaluations on the model, in the mean over its starts."""
    number, count = len(values), len(jax.tree.leaves(model.starts)[0])
    setup = Setup(family, model.constraints, model.game)
    starts = jax.tree.map(lambda leaf: jnp.tile(leaf, (number, *(1,) * (leaf.ndim - 1))), model.starts)
    tried, far = runs.begin(setup, np.repeat(values, count, axis=0), starts), FAR * size(model.starts)
    tol = np.tile(target * runs.residuals(model.game, model.starts, model.constraints), number)
    while True:
        tried = runs.advance(setup, tried, PIECE, tol, far)
        taken = runs.evaluations(family, tried, unknowns)
        each = np.where(tried.converged, taken, np.inf).reshape(number, count)
        # Runs of a setting that has failed from one start need not end.
        open_ = ~np.isinf(np.where(tried.ended & ~tried.converged, np.inf, 0.0).reshape(number, count)).any(axis=1)
        running = np.where(tried.ended, np.inf, taken).reshape(number, count)[open_]
        means = each.mean(axis=1)
        if running.min(initial=np.inf) >= min(most, means.min()):
            at = int(np.argmin(means))
            return Proposal(family, values[at], float(each[at, 0]), float(means[at]))


def stays(model: Model, proposal: Proposal, target: float) -> bool:
    """Return whether runs on a model are under the target all along the last half of a long run."""
    if not np.isfinite(proposal.mean):
        return False
    setup = Setup(proposal.family, model.constraints, model.game, observed=model.game)
    number = len(jax.tree.leaves(model.starts)[0])
    begun = runs.begin(setup, np.tile(proposal.values, (number, 1)), model.starts)
    ended = runs.advance(setup, begun, LATER, None, FAR * size(model.starts))
    goal = target * runs.residuals(model.game, model.starts, model.constraints)
    return bool((np.asarray(ended.trace)[:, LATER // 2 :] <= goal[:, None]).all())


def size(players: Players) -> float:
    """Return the largest norm of some players, or 1 if that is smaller."""
    return max(1.0, float(jnp.max(jax.vmap(lambda one: length(ravel(one)))(players))))


def predicted_rate(model: Model, proposal: Proposal) -> float | None:
    """Return the spectral radius of a proposal's step on the model; None if it has no fixed rate or is too large."""
    centre = model.game.equilibria[0]
    if not proposal.family.rated or ravel(centre).size > LARGEST_SPECTRUM or model.constraints is not None:
        return None
    solver = proposal.family.build(list(map(float, proposal.values)), len(centre))
    try:
        rate = float(analysis.rate(model.game, solver, centre))
    except ValueError:
        return None
    return rate or None  # a product of extreme numbers that has underflowed
