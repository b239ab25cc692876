"""Run a solver from all starts, and measure every point that it passes."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.compare.plane import Plane
from gamesolve.compare.problem import Problem, Settings
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.solve import Status, solve
from gamesolve.game import Game, Players
from gamesolve.solver import Solver


class Trajectories(NamedTuple):
    """What the runs from all starts give, as arrays with a leading axis for the starts.

    The curves have a row for the start and one for every step; `_measures` makes the first three of them.
    """

    ends: Players
    finite: np.ndarray
    distances: np.ndarray
    residuals: np.ndarray
    path: np.ndarray
    iterations: np.ndarray


def trajectories(problem: Problem, solver: Solver, settings: Settings) -> Trajectories:
    """Run a solver from all starts of a problem."""
    known = [ravel(equilibrium) for equilibrium in problem.game.equilibria]
    shared = (problem.game, problem.plane, jnp.stack(known) if known else None)
    ends, status, (seen, iterations) = _follow(shared, solver, problem.starts, steps=settings.steps)
    starts = jax.vmap(ravel)(problem.starts)[:, None]
    first = _measures(shared, problem.start, starts)
    rest = seen if isinstance(seen, tuple) else _measures(shared, problem.start, seen)
    curves = [np.concatenate(pair, axis=1) for pair in zip(first, rest, strict=True)]
    finite = np.asarray(status) != Status.DIVERGED
    return Trajectories(ends, finite, *curves, iterations=np.asarray(iterations))


@partial(jax.jit, static_argnames="steps")
def _follow(shared: Any, solver: Solver, starts: Players, *, steps: int) -> Any:
    """Run from all starts; a function of arrays alone, so that games of one shape share its program."""
    game, plane, equilibria = shared

    def record(players: Players, state: Any) -> Any:
        flat = ravel(players)
        # What is measured is the same for all solvers: where all points fit into memory, one program serves them.
        seen = flat if flat.size <= LARGEST_SPECTRUM else _measure(game, plane, equilibria, players)
        return seen, optax.tree.get(state, "iterations", jnp.zeros((), jnp.int32))

    def follow(start: Players) -> Any:
        solution = solve(game, solver, start, steps, record=record)
        return solution.players, solution.status, solution.trace

    count = jax.tree.leaves(starts)[0].shape[0]
    if count > 1:
        return jax.vmap(follow)(starts)
    # Half of the time to compile is saved without vmap.
    alone = follow(jax.tree.map(lambda leaf: leaf[0], starts))
    return jax.tree.map(lambda leaf: leaf[None], alone)


@jax.jit
def _measures(shared: Any, like: Players, points: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Measure points of shape (seeds, rows, n)."""
    game, plane, equilibria = shared
    _, unravel = jax.flatten_util.ravel_pytree(like)
    return jax.vmap(jax.vmap(lambda flat: _measure(game, plane, equilibria, unravel(flat))))(points)


def _measure(
    game: Game, plane: Plane, equilibria: jax.Array | None, players: Players
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the distance to the nearest known equilibrium, the norm of the field and the place in the plane."""
    flat = ravel(players)
    residual = length(ravel(game.field(players)))
    distance = residual if equilibria is None else jnp.min(jax.vmap(length)(flat - equilibria))
    return distance, residual, plane.project(flat)
