"""The dual of the anchored methods: a weighted sum of past fields in place of the start."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import whole_number
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.trees import Players, Scalar


class DualState(NamedTuple):
    """State of `dual_anchored_extragradient`: steps taken, and the weighted sum of the trial points' fields."""

    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    memory: Players


@parametric
def dual_anchored_extragradient(learning_rate: rates.Rates, period: int) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move of the dual fast extragradient method, whose guarantee is for the step ``period``.

    With N for the period, ``r = (N - k - 1) / (N - k)`` and ``m_0 = 0``: ``w = z + E (v(z) + m)``, the next players are
    ``w + r E (v(w) - v(z))``, and ``m <- r m - v(w) / (N - k)``. After N steps k and m begin again at zero.

    Args:
        learning_rate: step size E, see `transforms.rates`; at most 1 / R for a monotone field with Lipschitz constant
            R.
        period: number N of steps after which the method begins again.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step size.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.dual_anchored_extragradient(0.5, period=2)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.875, 0.5]

    Reference:
        Yoon, Kim, Suh, Ryu, "Optimal Acceleration for Minimax and Fixed-Point Problems is Not Unique", ICML 2024,
        https://arxiv.org/abs/2404.13228
    """
    period = whole_number("period", period, 1)

    def start(players: Players) -> DualState:
        return DualState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(players))

    def formula(step: Step, state: DualState) -> tuple[Players, DualState]:
        left = period - state.count
        ratio = lambda dtype: (left - 1).astype(dtype) / left.astype(dtype)
        ahead = rates.times(step.rates, optax.tree.sub(state.memory, step.u))
        field = step.game.gradients(optax.tree.add(step.players, ahead))
        turn = rates.times(step.rates, optax.tree.add(field, step.u))
        move = jax.tree.map(lambda a, t: a + ratio(t.dtype) * t, ahead, turn)
        memory = jax.tree.map(lambda m, v: ratio(v.dtype) * m - v / left.astype(v.dtype), state.memory, field)
        last = left == 1
        memory = jax.tree.map(lambda m: jnp.where(last, jnp.zeros_like(m), m), memory)
        return move, DualState(jnp.where(last, 0, state.count + 1), memory)

    return part("dual_anchored_extragradient", formula, learning_rate, coefficient="learning_rate", memory=start)
