"""Gradient steps: the step size, its sign, and momentum."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import require_all
from gamesolve.trees import DType, PyTree, Scalar, State, Updates


@parametric
def descend(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Turn u into the move ``-eta u``.

    Args:
        learning_rate: step size, see `transforms.rates`.

    Returns:
        The transformation.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.descend((0.5, 0.25))
        >>> u = (1.0, 1.0)
        >>> [float(move) for move in part.update(u, part.init(u))[0]]
        [-0.5, -0.25]
    """
    rates.check("learning_rate", learning_rate)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, rates.RatesState]:
        del params
        eta = jax.tree.map(jnp.negative, rates.current(learning_rate, state))
        return rates.times(eta, updates), rates.advance(state)

    return optax.GradientTransformation(lambda params: rates.init(learning_rate), update)


class HeavyBallState(NamedTuple):
    """State of `heavy_ball`: the momentum buffer, complex if the momentum is complex."""

    buffer: PyTree


@parametric
def heavy_ball(momentum: rates.Values) -> optax.GradientTransformation:
    """Turn u into the buffer ``m = momentum m + u``, or into its real part.

    Args:
        momentum: a real or complex number or array, or a tuple with one of these per player. Alternating updates on
            bilinear games need negative values.

    Returns:
        The transformation.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.heavy_ball(0.5)
        >>> state = part.init((0.0,))
        >>> for _ in range(2):
        ...     u, state = part.update((1.0,), state)
        >>> float(u[0])
        1.5

    Reference:
        Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Gidel et al., "Negative
        Momentum for Improved Game Dynamics", AISTATS 2019, https://arxiv.org/abs/1807.04740; Lorraine et al.,
        "Complex Momentum for Optimization in Games", AISTATS 2022, https://arxiv.org/abs/2102.08431
    """
    rates.check_signed("momentum", momentum, or_complex=True)

    def dtype(beta: Scalar, leaf: jax.Array) -> DType:
        leaf = jnp.asarray(leaf)
        return jnp.result_type(leaf.dtype, jnp.complex64) if jnp.iscomplexobj(beta) else leaf.dtype

    def by_player(function: Callable[..., jax.Array], *trees: PyTree) -> PyTree:
        if not isinstance(momentum, tuple):
            return jax.tree.map(lambda *leaves: function(momentum, *leaves), *trees)
        betas = rates.spread(momentum, len(trees[0]), "momentum")
        return tuple(
            jax.tree.map(lambda *leaves, beta=beta: function(beta, *leaves), *entries)
            for beta, *entries in zip(betas, *trees, strict=True)
        )

    def init(params: PyTree) -> HeavyBallState:
        return HeavyBallState(by_player(lambda beta, leaf: jnp.zeros(jnp.shape(leaf), dtype(beta, leaf)), params))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, HeavyBallState]:
        del params
        rates.check_shapes("momentum", momentum)
        decayed = lambda beta, m, u: jnp.asarray(beta, m.dtype) * m + u
        buffer = by_player(decayed, state.buffer, updates)
        return jax.tree.map(jnp.real, buffer), HeavyBallState(buffer)

    return optax.GradientTransformation(init, update)


class SlingshotState(NamedTuple):
    """State of `slingshot`: a step count if a step size is a schedule, and whether the signs are swapped."""

    rates: rates.RatesState
    swapped: jax.Array


@parametric
def slingshot(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Turn u into the move ``-s eta u`` with the signs s = (1, -1) in even steps and (-1, 1) in odd ones.

    Args:
        learning_rate: size eta of both players' steps, see `transforms.rates`. A schedule should keep its value for
            both steps of a pair.

    Returns:
        The transformation, for two players.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.slingshot(0.5)
        >>> u = (1.0, 1.0)
        >>> [float(move) for move in part.update(u, part.init(u))[0]]
        [-0.5, 0.5]

    Reference:
        Shugart, Altschuler, "Negative Stepsizes Make Gradient-Descent-Ascent Converge", 2025,
        https://arxiv.org/abs/2505.01423
    """
    rates.check("learning_rate", learning_rate)

    def init(params: PyTree) -> SlingshotState:
        if len(require_all("slingshot", params)) != 2:
            raise ValueError(
                f"slingshot needs two players, whose steps have opposite signs, got {len(params)}. Use extragradient "
                "or ogda for other numbers of players."
            )
        return SlingshotState(rates.init(learning_rate), jnp.zeros((), bool))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, SlingshotState]:
        del params
        first, second = rates.spread(rates.current(learning_rate, state.rates), 2)
        # Each player's u is multiplied by eta or by -eta: u points downwards, so that eta here steps backwards.
        signed = jnp.where(state.swapped, first, -first), jnp.where(state.swapped, -second, second)
        return rates.times(signed, updates), SlingshotState(rates.advance(state.rates), ~state.swapped)

    return optax.GradientTransformation(init, update)
