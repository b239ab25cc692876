"""Run many settings of one family side by side, in pieces of one compiled program."""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.advice.families import Family
from gamesolve.analysis.sets import natural_norm
from gamesolve.compare.lanes import counted
from gamesolve.driving.plan import Status, first_state
from gamesolve.driving.sets import Projections
from gamesolve.driving.solve import solve
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver
from gamesolve.trees import Key, Players, Row, State


class Setup(NamedTuple):
    """What all runs of a family share.

    Attributes:
        family: the family.
        constraints: sets of the players, or None.
        game: the game.
        sample: sampler of each step, or None.
        key: its random key, or None.
        observed: game whose residual is recorded after every ``every`` steps, or None for no record. It is the game
            itself, or its mean if the game is noisy.
        every: number of steps between records. Default: 1.
    """

    family: Family
    constraints: Projections
    game: Game
    sample: Sampler | None = None
    key: Key | None = None
    observed: Game | None = None
    every: int = 1


class Runs(NamedTuple):
    """How far the runs have got, with a leading axis for the runs.

    Attributes:
        values: hyperparameters, shape (runs, k), see `Family.build`.
        players: the players.
        state: states of the solvers.
        steps: numbers of steps taken.
        iterations: iterations of inner solves so far.
        status: a `Status` per run.
        trace: residuals of the last piece, shape (runs, rows); None without a record.
    """

    values: jax.Array
    players: Players
    state: State
    steps: jax.Array
    iterations: jax.Array
    status: jax.Array
    trace: Row = None

    @property
    def ended(self) -> np.ndarray:
        """Whether each run has converged or diverged."""
        return np.asarray(self.status) != Status.BUDGET

    @property
    def converged(self) -> np.ndarray:
        """Whether each run has converged."""
        return np.asarray(self.status) == Status.CONVERGED


def begin(setup: Setup, values: np.ndarray, starts: Players) -> Runs:
    """Return the runs at their starts: players with a leading axis for the runs."""
    return _begin(setup.family, setup.constraints, setup.game, starts, jnp.asarray(values, float))


def repeated(start: Players, number: int) -> Players:
    """Return a start for each of some runs."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (number, *jnp.shape(leaf))), start)


@partial(jax.jit, static_argnums=(0, 1))
def _begin(family: Family, constraints: Projections, game: Game, starts: Players, values: jax.Array) -> Runs:
    first = lambda row, start: first_state(game, _solver(family, constraints, game, row), start)
    zeros = jnp.zeros(len(values), jnp.int32)
    return Runs(values, starts, jax.vmap(first)(values, starts), zeros, zeros, zeros)


def advance(
    setup: Setup, runs: Runs, steps: int, tol: np.ndarray | None, max_norm: float, most: float = math.inf
) -> Runs:
    """Continue the runs by up to some steps; those that have ended stay.

    Args:
        setup: what the runs share.
        runs: how far they have got.
        steps: largest number of steps, a multiple of ``setup.every``.
        tol: norm of the field, or natural residual, at which each run has converged. None: none ever does.
        max_norm: norm of the players beyond which a run has diverged.
        most: iterations of inner solves per run, all in all, after which it stands still. Default: no limit.
    """
    static = (setup.family, setup.constraints, setup.every, steps)
    return _advance(
        *static, setup.game, setup.observed, setup.sample, setup.key, runs._replace(trace=None), tol, max_norm, most
    )


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _advance(
    family: Family,
    constraints: Projections,
    every: int,
    steps: int,
    game: Game,
    observed: Game | None,
    sample: Sampler | None,
    key: Key | None,
    runs: Runs,
    tol: Any,
    max_norm: Any,
    most: Any,
) -> Runs:
    record = None if observed is None else lambda players, state: natural_norm(observed, players, constraints)

    def lane(run: Runs, tol: Any) -> Runs:
        solver = _solver(family, constraints, game, run.values, most)
        ended = solve(
            game,
            solver,
            run.players,
            steps,
            state=run.state,
            start=run.steps,
            sample=sample,
            key=key,
            record=record,
            every=every,
            tol=tol,
            max_norm=max_norm,
        )
        inner = ended.state if game.model_state is None else ended.state.solver
        # A run that has diverged would otherwise look as one that has not begun.
        status = jnp.where(run.status == Status.BUDGET, ended.status, run.status)
        return Runs(run.values, ended.players, ended.state, ended.steps, inner.spent, status, ended.trace)

    return jax.vmap(lane)(runs, tol)


def _solver(family: Family, constraints: Projections, game: Game, values: jax.Array, most: Any = math.inf) -> Solver:
    return counted(family.build(tuple(values), game.num_players, constraints), most)


def evaluations(family: Family, runs: Runs, unknowns: int) -> np.ndarray:
    """Return the fields and products that each run has taken; a dense solve counts as one product per unknown."""
    steps, iterations = np.asarray(runs.steps, float), np.asarray(runs.iterations, float)
    each = family.cost.jvps_per_iteration + family.cost.vjps_per_iteration
    return steps * family.cost.products() + each * (iterations if iterations.any() else unknowns * steps)


def residual(game: Game, players: Players, constraints: Projections) -> float:
    """Return the norm of the field, or under constraints the natural residual ``||z - P(z + v)||``."""
    return float(residuals(game, repeated(players, 1), constraints)[0])


def residuals(game: Game, stacked: Players, constraints: Projections) -> np.ndarray:
    """Return the residual of each of some players, which have a leading axis."""
    return np.asarray(_residuals(constraints, game, stacked))


@partial(jax.jit, static_argnums=0)
def _residuals(constraints: Projections, game: Game, stacked: Players) -> jax.Array:
    return jax.vmap(lambda players: natural_norm(game, players, constraints))(stacked)
