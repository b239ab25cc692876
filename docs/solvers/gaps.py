"""The table of the page on matrix games: field evaluations to a duality gap, on random games."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs

SIZE, SEEDS, BUDGET, EVERY, GOALS = (30, 30), range(5), 20_000, 20, (1e-3, 1e-6)


class Method(NamedTuple):
    """A solver made from the norm of the game's matrix, its fields per step, and whether its average is measured."""

    make: Callable[[jax.Array], gs.Solver]
    fields: float
    averaged: bool = False


def table(methods: dict[str, Method]) -> None:
    """Print the median number of fields, over random games, to each gap; the games are those of the keys 0 to 4."""
    print(f"{'fields to a gap of':36}", *(f"{goal:>8.0e}" for goal in GOALS))  # noqa: T201
    with jax.enable_x64(True):
        draw = lambda seed: gs.games.random_matrix_game(jax.random.key(seed), SIZE)
        games = jax.vmap(draw)(jnp.array(SEEDS))
        for name, method in methods.items():
            reached = jax.jit(jax.vmap(lambda game, method=method: _gaps(game, method)))(games)
            fields = np.median([[_spent(row, goal, method) for goal in GOALS] for row in np.asarray(reached)], axis=0)
            cells = (f"{number:8.0f}" if np.isfinite(number) else f"{'-':>8}" for number in fields)
            print(f"{name:36}", *cells)  # noqa: T201


def _gaps(game: gs.Game, method: Method) -> jax.Array:
    """Return the duality gap after every few steps."""
    steps = int(BUDGET / method.fields) // EVERY * EVERY
    measured = lambda players, state: gs.games.duality_gap(game, state.average if method.averaged else players)
    solver = method.make(jnp.linalg.norm(game.constants[0], 2))
    return gs.solve(game, solver, game.start, steps, record=measured, every=EVERY).trace


def _spent(gaps: np.ndarray, goal: float, method: Method) -> float:
    met = np.flatnonzero(gaps <= goal)
    return (met[0] + 1) * EVERY * method.fields if met.size else np.inf
