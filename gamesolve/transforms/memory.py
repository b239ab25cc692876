"""Parts that remember: momentum and optimism."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import rates
from gamesolve.parametric import parametric


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
        decayed = lambda beta, m, u: jnp.asarray(beta, m.dtype) * m + u  # noqa: E731
        buffer = by_player(decayed, state.buffer, updates)
        return jax.tree.map(jnp.real, buffer), HeavyBallState(buffer)

    return optax.GradientTransformation(init, update)


class OptimismState(NamedTuple):
    """State of `optimism`: step count for schedules and the update before, infinite where none is known yet."""

    rates: Any
    previous: Any


@parametric
def optimism(
    learning_rate: rates.Rates, correction: Any = None, zero_start: bool = False
) -> optax.GradientTransformation:
    """Turn u into the move ``-(eta u_t + omega (u_t - u_(t-1)))``.

    Args:
        learning_rate: eta: a number, a schedule, an array, or a tuple with one of those per player.
        correction: omega, likewise; eta unless given.
        zero_start: take ``u_(-1) = 0`` instead of ``u_(-1) = u_0``, so that the first move is doubled.

    Returns:
        The transformation; it scales by the step size itself.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.optimism(0.5)
        >>> state = part.init((0.0,))
        >>> for u in (1.0, 2.0):
        ...     move, state = part.update((u,), state)
        >>> float(move[0])
        -1.5
    """
    rates.check("learning_rate", learning_rate)
    rates.check("correction", 0.0 if correction is None else correction)
    omega = learning_rate if correction is None else correction

    def init(params: Any) -> OptimismState:
        count = rates.init((*rates.listed(learning_rate), *rates.listed(omega)))
        before = 0.0 if zero_start else jnp.inf
        return OptimismState(count, optax.tree.full_like(params, before))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, OptimismState]:
        del params
        eta, weight = rates.current(learning_rate, state.rates), rates.current(omega, state.rates)
        # "Not known yet" is a value and not a flag: a flag in the carry of a loop is copied in every step. Two products
        # with one sum do the rest: the difference of the updates would be one pass over the entries more.
        past = jax.tree.map(lambda u, before: jnp.where(before == jnp.inf, u, before), updates, state.previous)
        if isinstance(eta, tuple) or isinstance(weight, tuple):
            eta, weight = rates.spread(eta, len(updates)), rates.spread(weight, len(updates), "correction")
        descent = rates.times(jax.tree.map(lambda e, w: -(e + w), eta, weight), updates)
        move = jax.tree.map(jnp.add, descent, rates.times(weight, past, "correction"))
        return move, OptimismState(rates.advance(state.rates), updates)

    return optax.GradientTransformation(init, update)
