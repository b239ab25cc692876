"""Run a solver from all starts, and measure every point on its trajectories."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.compare.plane import Plane
from gamesolve.compare.problem import Problem, Settings
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.solve import Solution, Status, solve
from gamesolve.game import Game, Players
from gamesolve.linear.report import fallbacks
from gamesolve.solver import Solver
from gamesolve.trees import PyTree, Row, State


class Trajectories(NamedTuple):
    """What the runs from all starts give, as arrays with a leading axis for the starts.

    The curves have a row for the start and one for every step; `_measures` computes the first three of them.
    ``distances`` are norms of the field if no equilibrium is known.
    """

    ends: Players
    finite: np.ndarray
    distances: np.ndarray
    residuals: np.ndarray
    path: np.ndarray
    iterations: np.ndarray
    fallbacks: np.ndarray


class Shared(NamedTuple):
    """The part of a problem that measuring needs; a pytree."""

    game: Game
    plane: Plane
    equilibria: jax.Array | None


def trajectories(problem: Problem, solver: Solver, settings: Settings) -> Trajectories:
    """Run a solver from all starts of a problem."""
    shared = Shared(problem.game, problem.plane, known_equilibria(problem.game))
    ends, status, failed, (seen, iterations) = _follow(shared, solver, problem.starts, steps=settings.steps)
    starts = jax.vmap(ravel)(problem.starts)[:, None]
    first = _measures(shared, problem.start, starts)
    rest = seen if isinstance(seen, tuple) else _measures(shared, problem.start, seen)
    curves = [np.concatenate(pair, axis=1) for pair in zip(first, rest, strict=True)]
    finite = np.asarray(status) != Status.DIVERGED
    return Trajectories(ends, finite, *curves, iterations=np.asarray(iterations), fallbacks=np.asarray(failed))


def known_equilibria(game: Game) -> jax.Array | None:
    """Return the known equilibria, one per row, or None."""
    known = [ravel(equilibrium) for equilibrium in game.equilibria]
    return jnp.stack(known) if known else None


def recorded(
    seen: Callable[[Players], Row],
    game: Game,
    solver: Solver,
    start: Players,
    steps: int,
    *,
    counter: str = "iterations",
    **options: PyTree,
) -> Solution:
    """Run a solver; the trace pairs what is seen at each point with the iterations of the inner solves.

    Args:
        seen: function of the players.
        game: the game.
        solver: the solver.
        start: starting point.
        steps: number of steps.
        counter: name of the field of the solver's state that counts iterations. Default: those of the last solve.
        **options: further arguments of `gamesolve.solve`.
    """

    def record(players: Players, state: State) -> Row:
        return seen(players), optax.tree.get(state, counter, jnp.zeros((), jnp.int32))

    return solve(game, solver, start, steps, record=record, **options)


@partial(jax.jit, static_argnames="steps")
def _follow(
    shared: Shared, solver: Solver, starts: Players, *, steps: int
) -> tuple[Players, jax.Array, jax.Array, Row]:
    """Run from all starts; a function of arrays alone, so that games of one shape share its program."""

    def seen(players: Players) -> Row:
        flat = ravel(players)
        # The measures are the same for all solvers: if all points fit into memory, one program serves them.
        return flat if flat.size <= LARGEST_SPECTRUM else _measure(shared, players)

    def follow(start: Players) -> tuple[Players, jax.Array, jax.Array, Row]:
        solution = recorded(seen, shared.game, solver, start, steps)
        return solution.players, solution.status, jnp.asarray(fallbacks(solution.state)), solution.trace

    count = jax.tree.leaves(starts)[0].shape[0]
    if count > 1:
        return jax.vmap(follow)(starts)
    # Without vmap compilation takes half of the time.
    alone = follow(jax.tree.map(lambda leaf: leaf[0], starts))
    return jax.tree.map(lambda leaf: leaf[None], alone)


@jax.jit
def _measures(shared: Shared, like: Players, points: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Measure points of shape (seeds, rows, n)."""
    _, unravel = jax.flatten_util.ravel_pytree(like)
    return jax.vmap(jax.vmap(lambda flat: _measure(shared, unravel(flat))))(points)


def _measure(shared: Shared, players: Players) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the distance, the norm of the field and the projection on the plane."""
    return *distance_and_residual(shared.game, shared.equilibria, players), shared.plane.project(ravel(players))


def distance_and_residual(game: Game, equilibria: jax.Array | None, players: Players) -> tuple[jax.Array, jax.Array]:
    """Return the distance to the nearest known equilibrium, if any is known, and the norm of the field."""
    residual = length(ravel(game.field(players)))
    distance = residual if equilibria is None else jnp.min(jax.vmap(length)(ravel(players) - equilibria))
    return distance, residual
