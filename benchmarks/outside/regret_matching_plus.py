"""Regret matching plus: each player mixes its actions in proportion to their positive regrets."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.trees import Players, PyTree, Updates

SUITES = ("matrix",)


class Regrets(NamedTuple):
    """Regrets and present strategy of each player, and the number of steps."""

    regrets: Players
    strategies: Players
    steps: jax.Array


@gs.parametric
def regret_matching_plus(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule, which needs no step size.

    The players are the averages of its strategies, with weights that grow linearly. They update at once, not in turn.
    """
    del learning_rate

    def init(params: PyTree) -> Regrets:
        if not all(isinstance(player, jax.Array) for player in params):
            raise ValueError("regret matching needs players that are probability vectors.")
        return Regrets(jax.tree.map(jnp.zeros_like, params), params, jnp.ones(()))

    def update(updates: Updates, state: Any, params: PyTree = None, **extra: Any) -> tuple[Updates, Any]:
        del updates  # the field is needed at the strategies, not at their averages
        values = extra["game"].field(state.strategies)
        gains = jax.tree.map(lambda value, mixed: value - value @ mixed, values, state.strategies)
        regrets = jax.tree.map(lambda regret, gain: jnp.maximum(regret + gain, 0), state.regrets, gains)
        share = 2 / (state.steps + 1)
        moves = jax.tree.map(lambda mixed, mean: (share * (mixed - mean)).astype(mean.dtype), state.strategies, params)
        return moves, Regrets(regrets, jax.tree.map(_matched, regrets), state.steps + 1)

    return optax.GradientTransformationExtraArgs(init, update)


def _matched(regrets: jax.Array) -> jax.Array:
    total = regrets.sum()
    return jnp.where(total > 0, regrets / jnp.where(total > 0, total, 1), 1 / regrets.size)


METHOD = SolverEntry(
    "regret-matching-plus",
    regret_matching_plus,
    "regrets⁺ over their sum, averaged",
    "Tammelin 2014",
    Cost(),
    rated=False,
)
