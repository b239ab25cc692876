"""Parts that find their step sizes from the gradients seen so far."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.driving.sets import Projections, declare, projected
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms.geometry import check_projections
from gamesolve.trees import Players, PyTree, State, Updates, norm, normalised, widest


class GoldenState(NamedTuple):
    """State of `golden_ratio`: step size, its last growth, averaged players, last players and their u."""

    step: jax.Array
    growth: jax.Array
    average: Players
    players: Players
    updates: Updates


@parametric
def golden_ratio(
    learning_rate: float, ratio: float = 1.5, projections: Projections = None
) -> optax.GradientTransformation:
    """Turn u into the move of the adaptive golden-ratio method, which finds the step size from the fields it sees.

    ``l_k = min((1/r + 1/r^2) l_(k-1), r g_(k-1) / (4 l_(k-1)) ||z_k - z_(k-1)||^2 / ||v_k - v_(k-1)||^2)``, or
    ``l_(k-1)`` if nothing has moved; the paper's upper bound on l is omitted.
    ``g_k = r l_k / l_(k-1)``, ``a_k = ((r - 1) z_k + a_(k-1)) / r``, ``z_(k+1) = project(a_k + l_k v_k)``.

    Args:
        learning_rate: initial step size ``l_0``; ``g_0 = 1`` and ``a_0 = z_0``.
        ratio: r, above one and at most the golden ratio 1.618.
        projections: one function per player that projects its parameters onto its set, or None for an unconstrained
            player. Default: no constraints.

    Returns:
        The transformation; it returns moves and chooses the step size itself.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.golden_ratio(0.1)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 1.0), 500, tol=1e-4)
        >>> solution.status == gs.Status.CONVERGED
        Array(True, dtype=bool)

    Reference:
        Malitsky, "Golden ratio algorithms for variational inequalities", Math. Programming 2020,
        https://arxiv.org/abs/1803.08832
    """
    check_number("learning_rate", learning_rate, above=0.0)
    check_number("ratio", ratio, above=1.0, most=(1 + 5**0.5) / 2)
    check_projections(projections)

    def init(params: PyTree) -> GoldenState:
        declare(projections, params)
        params = jax.tree.map(jnp.asarray, params)
        one = jnp.ones((), widest(params))
        first = jnp.asarray(learning_rate, one.dtype)
        return GoldenState(first, one, params, params, optax.tree.zeros_like(params))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Players, GoldenState]:
        if params is None:
            raise ValueError("golden_ratio needs the players. Pass them to update, as gamesolve.step does.")
        moved, turned = optax.tree.sub(params, state.players), optax.tree.sub(updates, state.updates)
        # Norms as products of a size and a number near one: the derivative of a quotient squares its divisor.
        sizes, units = zip(*map(normalised, (moved, turned)), strict=True)
        length, change = map(norm, units)
        known = (length > 0) & (change > 0)  # without movement there is nothing to learn, and the step size stays
        largest = (1 / ratio + 1 / ratio**2) * state.step
        # The inverse slope is about as large as the step size: its square might overflow before it is divided.
        inverse = jnp.where(known, sizes[0] / sizes[1], 1) * length / jnp.where(known, change, 1)
        local = ratio * state.growth / 4 * (inverse / state.step) * inverse
        step = jnp.where(known, jnp.minimum(largest, local), state.step).astype(state.step.dtype)
        growth = jnp.where(known, ratio * step / state.step, state.growth).astype(state.step.dtype)
        average = jax.tree.map(lambda z, a: ((ratio - 1) * z + a) / ratio, params, state.average)
        following = projected(projections, optax.tree.sub(average, rates.times(step, updates)))
        return optax.tree.sub(following, params), GoldenState(step, growth, average, params, updates)

    return optax.GradientTransformation(init, update)
