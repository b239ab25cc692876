"""Limit cycles of a solver: their period and their size."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.analysis.point import as_point
from gamesolve.driving.solve import solve
from gamesolve.game import Game
from gamesolve.linear.dense import LARGEST_MATRIX
from gamesolve.solver import Solver, as_solver
from gamesolve.trees import Players, Scalar
from gamesolve.trees.faces import shown

# A second run starts this much farther from the centre, relatively. A limit cycle attracts it.
DISPLACEMENT = 0.01


@shown()
class Cycle(NamedTuple):
    """The result of `limit_cycle`; a pytree.

    Attributes:
        found: whether the run follows an isolated closed orbit: it returns to where it was, and a run that starts
            elsewhere ends on the same orbit.
        closed: whether the run returns to where it was. Orbits around a centre do so too, but they are not isolated.
        period: mean number of steps per round; NaN if there are fewer than two rounds.
        nearest: smallest Euclidean distance from the centre.
        farthest: largest Euclidean distance from the centre.
        center: mean of the players over the rounds.
        drift: distance between the starts of the first and the last round, relative to ``farthest``.
    """

    found: jax.Array
    closed: jax.Array
    period: jax.Array
    nearest: jax.Array
    farthest: jax.Array
    center: Players
    drift: jax.Array


def limit_cycle(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    *,
    settle: int,
    tol: float = 1e-2,
    floor: float = 1e-4,
) -> Cycle:
    """Find the limit cycle to which a run converges.

    The run is recorded after ``settle`` steps. A round begins when the run crosses, in one direction, the hyperplane
    through its centre that is normal to the first displacement from the centre. Crossing times are interpolated.

    Args:
        game: the game, bound to its data.
        solver: a solver or any optax transformation; ``runge_kutta`` with a small step shows the cycles of the flow.
        players: where the run starts.
        num_steps: number of recorded steps; they should cover several rounds.
        settle: number of steps before the record, in which the run converges to the cycle.
        tol: largest drift of a closed orbit, relative to its size. Two runs are on one orbit if their sizes differ by
            at most a tenth of this.
        floor: an orbit smaller than this counts as a point.

    Returns:
        The `Cycle`; works under ``jit`` and ``vmap``.

    Raises:
        ValueError: if the record would take more than 2 GiB.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> turn = lambda x, y: x * y + (x**4 - y**4) / 4 - (x**2 - y**2) / 2
        >>> cycle = gs.analysis.limit_cycle(gs.zero_sum(turn), gs.runge_kutta(0.1), (0.5, 0.0), 1000, settle=1000)
        >>> bool(cycle.found), round(0.1 * float(cycle.period), 1)
        (True, 6.9)

    Reference:
        Hsieh, Mertikopoulos, Cevher, "The Limits of Min-Max Optimization Algorithms", ICML 2021,
        https://arxiv.org/abs/2006.09065
    """
    players = as_point(players, game.num_players)
    needed = 2 * num_steps * optax.tree.size(players) * jax.tree.leaves(players)[0].dtype.itemsize
    if needed > LARGEST_MATRIX:
        raise ValueError(
            f"two records of {num_steps} steps of {optax.tree.size(players)} parameters take "
            f"{math.ceil(needed / 2**30)} GiB, more than the limit of {LARGEST_MATRIX // 2**30} GiB. Reduce num_steps, "
            "or compute the leading exponents with lyapunov_exponents(..., k=2)."
        )
    return _cycle(game, as_solver(solver), players, num_steps, settle, tol, floor)


@partial(jax.jit, static_argnums=(3, 4))
def _cycle(
    game: Game, solver: Solver, players: Players, num_steps: int, settle: int, tol: Scalar, floor: Scalar
) -> Cycle:
    flat, unravel = jax.flatten_util.ravel_pytree(players)

    def orbit(start: jax.Array) -> tuple[jax.Array, ...]:
        settled = solve(game, solver, unravel(start), settle)
        record = lambda players, _: jax.flatten_util.ravel_pytree(players)[0]
        return _rounds(solve(game, solver, settled.players, num_steps, state=settled.state, record=record).trace)

    center, period, nearest, farthest, drift = orbit(flat)
    _, _, near, far, _ = orbit(center + (1 + DISPLACEMENT) * (flat - center))
    closed = (drift <= tol) & (farthest > floor)
    same = (jnp.abs(near - nearest) <= tol / 10 * farthest) & (jnp.abs(far - farthest) <= tol / 10 * farthest)
    return Cycle(closed & same, closed, period, nearest, farthest, unravel(center), drift)


def _rounds(path: jax.Array) -> tuple[jax.Array, ...]:
    """Return the centre, period, smallest and largest distance, and drift of the rounds in a path of shape (T, n)."""

    def passes(center: jax.Array) -> tuple[jax.Array, ...]:
        height = (path - center) @ (path[0] - center)
        passing = (height[:-1] < 0) & (height[1:] >= 0)
        first, last = jnp.argmax(passing), passing.size - 1 - jnp.argmax(passing[::-1])
        return height, passing, first, last, jnp.sum(passing) - 1

    rough = jnp.mean(path, axis=0)
    _, _, first, last, rounds = passes(rough)
    steps = jnp.arange(path.shape[0])
    whole = jnp.where(((steps > first) & (steps <= last))[:, None], path, 0)
    center = jnp.where(rounds > 0, jnp.sum(whole, axis=0) / jnp.maximum(last - first, 1), rough)
    height, passing, first, last, rounds = passes(center)
    share = height[:-1] / jnp.where(passing, height[:-1] - height[1:], 1)
    at = lambda index: path[index] + share[index] * (path[index + 1] - path[index])
    distances = jnp.linalg.norm(path - center, axis=1)
    farthest = jnp.max(distances)
    period = jnp.where(rounds > 0, (last + share[last] - first - share[first]) / jnp.maximum(rounds, 1), jnp.nan)
    drift = jnp.linalg.norm(at(last) - at(first)) / jnp.where(farthest > 0, farthest, 1)
    return center, period, jnp.min(distances), farthest, jnp.where(rounds > 0, drift, jnp.inf)
