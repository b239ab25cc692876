"""The games and the tuned solvers by which recommendations are judged."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from gamesolve import registry
from gamesolve.advice.families import STEPS, Axis, Family
from gamesolve.driving.sets import Projections
from gamesolve.transforms.rates import Rates
from gamesolve.trees import Players

# Solvers that take one step size for all players.
ONE_SIZE = ("golden_ratio",)
# Step sizes of the comparison, in units of the reciprocal of the Lipschitz constant, and ratios of player 0's to them.
GRID, RATIOS = tuple(np.geomspace(0.03, 30.0, 31)), (1.0, 0.2, 5.0)


class Judged(NamedTuple):
    """One game: the cost, or floor, of the recommended solver over that of the best one, and errors of predictions."""

    ratio: float
    rate_error: float
    spent: int
    name: str
    best: str
    floor_error: float = math.nan


def draw(kind: str, size: int, seed: int) -> tuple[gs.Game, Projections]:
    """Draw a game of a kind, monotone or not, and the sets of its players."""
    generator = np.random.default_rng([seed, size, len(kind)])
    game = gs.games.random_quadratic(
        jax.random.fold_in(jax.random.key(7), int(generator.integers(2**31))),
        (size, size),
        condition=float(10 ** generator.uniform(0.3, 2.0)),
        rotation=float(generator.uniform(0.2, 1.0)),
        monotone=bool(generator.random() < 0.75),
        zero_sum=kind != "general-sum",
    )
    return game, _box if kind == "in a box" else None


def _box(player: jax.Array) -> jax.Array:
    """Project onto a box that the equilibrium at zero touches: some constraints are active there."""
    return optax.projections.projection_box(player, 0.0, 1.0)


def start_of(game: gs.Game, constraints: Projections, key: jax.Array) -> Players:
    """Draw starting players, inside the sets."""
    keys = jax.random.split(key, game.num_players)
    drawn = tuple(jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, game.start, strict=True))
    return drawn if constraints is None else tuple(map(jnp.abs, drawn))


def settings(family: Family, scale: float) -> np.ndarray:
    """Return the step sizes of player 1, with the ratios of player 0's to them, shape (settings, 2)."""
    ratios = RATIOS if family.separate else RATIOS[:1]
    return np.array([(value / scale, ratio) for ratio in ratios for value in GRID])


def named(name: str) -> Family:
    """Return a solver of the registry with its step sizes alone."""
    entry = registry.SOLVERS[name]

    def make(constraints: Projections, rate: Rates) -> gs.Solver:
        return entry.build(rate) if constraints is None else entry.build(rate, projections=constraints)

    return Family(name, make, entry.cost, (Axis(STEPS.values, "step"),), separate=name not in ONE_SIZE)
