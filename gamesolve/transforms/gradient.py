"""Gradient steps: the step size, and momentum."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def descend(learning_rate: rates.Rates) -> optax.GradientTransformation:
    """Turn u into the move ``-eta u``, with one step size or one per player.

    Args:
        learning_rate: step size: a number, an optax schedule, an array, or a tuple with one of those per player.

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

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        del params
        eta = jax.tree.map(jnp.negative, rates.current(learning_rate, state))
        return rates.times(eta, updates), rates.advance(state)

    return optax.GradientTransformation(lambda params: rates.init(learning_rate), update)


class HeavyBallState(NamedTuple):
    """State of `heavy_ball`: the momentum buffer, complex where the momentum is."""

    buffer: Any


@parametric
def heavy_ball(momentum: Any) -> optax.GradientTransformation:
    """Turn u into the buffer ``m = momentum m + u``, or its real part.

    Args:
        momentum: a real or complex number or array, or a tuple with one of those per player; negative values are
            what alternating play on bilinear games asks for.

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
    rates.check_signed("momentum", momentum)

    def dtype(beta: Any, leaf: jax.Array) -> Any:
        leaf = jnp.asarray(leaf)
        return jnp.result_type(leaf.dtype, jnp.complex64) if jnp.iscomplexobj(beta) else leaf.dtype

    def by_player(function: Any, *trees: Any) -> Any:
        if not isinstance(momentum, tuple):
            return jax.tree.map(lambda *leaves: function(momentum, *leaves), *trees)
        betas = rates.spread(momentum, len(trees[0]), "momentum")
        return tuple(
            jax.tree.map(lambda *leaves, beta=beta: function(beta, *leaves), *entries)
            for beta, *entries in zip(betas, *trees, strict=True)
        )

    def init(params: Any) -> HeavyBallState:
        return HeavyBallState(by_player(lambda beta, leaf: jnp.zeros(jnp.shape(leaf), dtype(beta, leaf)), params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, HeavyBallState]:
        del params
        decayed = lambda beta, m, u: jnp.asarray(beta, m.dtype) * m + u
        buffer = by_player(decayed, state.buffer, updates)
        return jax.tree.map(jnp.real, buffer), HeavyBallState(buffer)

    return optax.GradientTransformation(init, update)
