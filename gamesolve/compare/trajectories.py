"""Run a solver from all starts, and measure every point on its trajectories."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.analysis.sets import natural_norm
from gamesolve.compare.noise import Noise
from gamesolve.compare.plane import Plane
from gamesolve.compare.problem import Problem, Settings
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.driving.sets import Projections
from gamesolve.driving.solve import Solution, Status, solve
from gamesolve.driving.unoptimised import jit_either
from gamesolve.game import Game, Players
from gamesolve.solver import Solver
from gamesolve.trees import PyTree, Row, State

# Points of a noisy game's run that are measured at once.
TOGETHER = 16


class Trajectories(NamedTuple):
    """What the runs from all starts give, as arrays with a leading axis for the starts.

    The curves have a row for the start and one for every step; `_measures` computes the first three of them.
    ``distances`` are residuals if no equilibrium is known; residuals are norms of the field, or natural residuals.
    ``iterations`` (Krylov iterations of each step) and ``fallbacks`` (inner solves that have failed so far) have no row
    for the start.
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
    noise: Noise | None


def trajectories(problem: Problem, solver: Solver, settings: Settings) -> Trajectories:
    """Run a solver from all starts of a problem."""
    shared = Shared(problem.game, problem.plane, known_equilibria(problem.game), problem.noise)
    sets = problem.constraints
    ends, status, (seen, counts) = _follow(sets, shared, solver, problem.starts, steps=settings.steps)
    starts = np.asarray(jax.vmap(ravel)(problem.starts))[:, None]
    if isinstance(seen, tuple):
        first = _measures(sets, shared, problem.start, starts)
        curves = [np.concatenate(pair, axis=1) for pair in zip(first, seen, strict=True)]
    else:
        points = np.concatenate([starts, seen], axis=1)
        curves = map(np.asarray, _measures(sets, shared, problem.start, points))
    finite = np.asarray(status) != Status.DIVERGED
    return Trajectories(ends, finite, *curves, **{name: np.asarray(count) for name, count in counts.items()})


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
    counters: Sequence[str] = ("iterations", "fallbacks"),
    **options: PyTree,
) -> Solution:
    """Run a solver; the trace pairs what is seen at each point with counts of the inner solves.

    Args:
        seen: function of the players.
        game: the game.
        solver: the solver.
        start: starting point.
        steps: number of steps.
        counters: names of the fields of the solver's state that count; those of several inner solves are added up.
            Default: the iterations of the last step, and the failed solves so far.
        **options: further arguments of `gamesolve.solve`.
    """

    def record(players: Players, state: State) -> Row:
        return seen(players), {name: _count(state, name) for name in counters}

    return solve(game, solver, start, steps, record=record, **options)


def _count(state: State, name: str) -> jax.Array:
    return sum((count for _, count in optax.tree.get_all_with_path(state, name)), start=jnp.zeros((), jnp.int32))


@partial(jit_either, static_argnums=0, static_argnames="steps")
def _follow(
    sets: Projections, shared: Shared, solver: Solver, starts: Players, *, steps: int
) -> tuple[Players, jax.Array, Row]:
    """Run from all starts; a function of arrays alone, so that games of one shape share its program."""

    def seen(players: Players) -> Row:
        flat = ravel(players)
        # The measures are the same for all solvers: if all points fit into memory, one program serves them.
        return flat if flat.size <= LARGEST_SPECTRUM else _measure(sets, shared, players)

    def follow(start: Players, number: jax.Array | int) -> tuple[Players, jax.Array, Row]:
        solution = recorded(seen, shared.game, solver, start, steps, **drawing(shared.noise, number))
        return solution.players, solution.status, solution.trace

    count = jax.tree.leaves(starts)[0].shape[0]
    if count > 1:
        return jax.vmap(follow)(starts, jnp.arange(count))
    # Without vmap compilation takes half of the time.
    alone = follow(jax.tree.map(lambda leaf: leaf[0], starts), 0)
    return jax.tree.map(lambda leaf: leaf[None], alone)


def drawing(noise: Noise | None, number: jax.Array | int) -> dict[str, PyTree]:
    """Return the arguments of `gamesolve.solve` that draw the noise of a run, by the number of its start."""
    return {} if noise is None else {"sample": noise.sample, "key": jax.random.fold_in(noise.key, number)}


@partial(jit_either, static_argnums=0)
def _measures(
    sets: Projections, shared: Shared, like: Players, points: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Measure points of shape (seeds, rows, n)."""
    _, unravel = jax.flatten_util.ravel_pytree(like)

    def at(flat: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        return _measure(sets, shared, unravel(flat))

    # The mean game looks at all draws for each point: not at all points at once.
    each = jax.vmap(at) if shared.noise is None else partial(jax.lax.map, at, batch_size=TOGETHER)
    return jax.vmap(each)(points) if shared.noise is None else jax.lax.map(each, points)


def _measure(sets: Projections, shared: Shared, players: Players) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the distance, the residual and the projection on the plane."""
    return *distance_and_residual(shared.game, shared.equilibria, players, sets), shared.plane.project(ravel(players))


def distance_and_residual(
    game: Game, equilibria: jax.Array | None, players: Players, sets: Projections = None
) -> tuple[jax.Array, jax.Array]:
    """Return the distance to the nearest known equilibrium, if any is known, and the norm of the field or residual."""
    residual = length(ravel(game.field(players))) if sets is None else natural_norm(game, players, sets)
    distance = residual if equilibria is None else jnp.min(jax.vmap(length)(ravel(players) - equilibria))
    return distance, residual
