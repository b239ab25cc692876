"""Tune step sizes: each solver of a comparison at its own best one, found by a short search."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve import linear
from gamesolve.compare import lanes
from gamesolve.compare.choices import suited
from gamesolve.compare.curves import floors
from gamesolve.compare.outcomes import outcome
from gamesolve.compare.problem import Problem, Settings, check_search
from gamesolve.compare.vectors import ravel
from gamesolve.driving.plan import Status
from gamesolve.solvers.entry import SolverEntry
from gamesolve.transforms.rates import Rates

# Step sizes of each round. The first round spans this factor to either side of the given step size, and the next ones
# the neighbours of the best so far; if the best is at an end, the next round goes beyond it.
SIZES, ROUNDS, SPAN = 12, 3, 1e3
# Points of a run that are measured in noisy games, where each takes many draws.
ROWS = 100


def tuned(problem: Problem, entry: SolverEntry, settings: Settings) -> Rates:
    """Return the best step size of a solver on a game, from the first start.

    It tries 12 step sizes in each of 3 rounds. Each run may spend ``settings.steps`` evaluations: fields and products
    with J. The best run converges with the fewest evaluations. If none converges, it ends nearest to the equilibrium,
    or with the smallest residual if none is known; in noisy games it has the lowest noise floor.

    Args:
        problem: the game and everything that its runs share.
        entry: the solver.
        settings: settings of the comparison. Step sizes per player keep their ratios.
    """
    check_search(settings.learning_rate)
    given = np.atleast_1d(np.asarray(settings.learning_rate, float))
    centre, width, cache = float(given.max()), math.log(SPAN), {}
    ratios, entry = given / centre, suited(problem, entry)
    for _ in range(ROUNDS):
        sizes = centre * np.exp(np.linspace(-width, width, SIZES))
        best = int(np.lexsort(_scores(problem, entry, sizes, ratios, settings, cache)[::-1])[0])
        centre = float(sizes[best])
        if 0 < best < SIZES - 1:
            width *= 2 / (SIZES - 1)
    found = tuple(float(f"{centre * ratio:.3g}") for ratio in ratios)
    return found if isinstance(settings.learning_rate, tuple) else found[0]


def _scores(
    problem: Problem,
    entry: SolverEntry,
    sizes: np.ndarray,
    ratios: np.ndarray,
    settings: Settings,
    cache: lanes.Cache,
) -> tuple[Sequence[float], Sequence[float]]:
    """Return two keys of the ranking: evaluations until a run converged, and how close the others came."""
    starts = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(sizes), *jnp.shape(leaf))), problem.start)
    noise = problem.noise
    keys = jax.random.split(jax.random.key(settings.seed) if noise is None else noise.key, len(sizes))
    rates = sizes[:, None] * ratios if len(ratios) > 1 else sizes
    sample = None if noise is None else noise.sample
    run = lanes.run(problem.game, entry, rates, starts, keys, sample, float(settings.steps), cache)
    points = np.concatenate([jax.vmap(ravel)(starts)[:, None], run.points], axis=1)
    spent = np.pad(lanes.evaluations(entry.cost, run, ravel(problem.start).size), ((0, 0), (1, 0)))
    stride = 1 if noise is None else -(-points.shape[1] // ROWS)
    points, spent = points[:, ::stride], spent[:, ::stride]
    curves = lanes.measures(problem.game, None, problem.start, points, problem.constraints)
    tolerance = linear.default_tolerance(problem.start)
    counts, closeness = [], []
    for distances, residuals, taken in zip(*curves, spent, strict=True):
        last = int(np.sum(taken <= settings.steps))
        with np.errstate(over="ignore", invalid="ignore"):
            ended = outcome(distances[:last], residuals[:last], tolerance)
        counts.append(float(taken[ended.steps]) if ended.status is Status.CONVERGED else math.inf)
        final = float(floors(distances[None, :last])[0]) if noise is not None else float(distances[last - 1])
        closeness.append(final if ended.status is not Status.DIVERGED and math.isfinite(final) else math.inf)
    return counts, closeness
