"""Diagonal metrics: transformations whose output is the diagonal itself, not the scaled update."""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from gamesolve.solver import parametric


class RmsMetricState(NamedTuple):
    """State of `rms_metric`: number of steps and moving average of the squared updates."""

    count: Any  # pyright: ignore[reportIncompatibleMethodOverride]
    square: Any


@parametric
def rms_metric(decay: float = 0.99, eps: float = 1e-5) -> optax.GradientTransformation:
    """Give the diagonal ``sqrt(1 - decay^t) / (sqrt(s_t) + eps)`` with ``s_t = decay s_(t-1) + (1 - decay) u_t^2``.

    The bias-corrected RMSProp metric of adaptive CGD; ``eps`` stands outside the bias correction.

    Args:
        decay: decay of the moving average.
        eps: added to the root, in units of the gradient.

    Returns:
        A transformation that maps u to the diagonal, for the ``metric`` of `competitive`.

    Example:
        >>> from gamesolve import transforms
        >>> part = transforms.rms_metric(decay=0.75, eps=0.0)
        >>> diagonal, state = part.update((2.0,), part.init((0.0,)))
        >>> float(diagonal[0])
        0.5

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """

    def init(params: Any) -> RmsMetricState:
        return RmsMetricState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(params))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, RmsMetricState]:
        del params
        count = optax.safe_increment(state.count)
        square = jax.tree.map(lambda s, u: s + jnp.asarray(1 - decay, s.dtype) * (u**2 - s), state.square, updates)

        def diagonal(root: jax.Array) -> jax.Array:
            correction = jnp.sqrt(1 - jnp.asarray(decay, root.dtype) ** count)
            return correction / (root + jnp.asarray(eps, root.dtype))

        return jax.tree.map(diagonal, _roots(square)), RmsMetricState(count, square)

    return optax.GradientTransformation(init, update)


@jax.custom_jvp
def _roots(squares: Any) -> Any:
    return jax.tree.map(jnp.sqrt, squares)


@_roots.defjvp
def _roots_derivative(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Differentiate the root of an entry that has never moved by zero; it multiplies an update that is zero as well.

    Where nothing has moved at all, at an equilibrium, the root has no derivative, and there it stays not a number.
    """
    (squares,), (changes,) = primals, tangents
    roots, largest = _roots(squares), jnp.asarray(optax.tree.max(squares))
    at_zero = jnp.where(largest > 0, 0.0, jnp.nan)

    def change(root: jax.Array, tangent: jax.Array) -> jax.Array:
        slope = jnp.where(root > 0, 0.5 / jnp.where(root > 0, root, 1), at_zero)
        return slope.astype(tangent.dtype) * tangent

    return roots, jax.tree.map(change, roots, changes)


@parametric
def metric_of(scaler: Any) -> optax.GradientTransformationExtraArgs:
    """Make a metric of any optax scaler that multiplies the update by a positive diagonal.

    Such as ``optax.scale_by_rms()``, ``optax.scale_by_adam(b1=0.0)`` or ``optax.scale_by_amsgrad(b1=0.0)``: the first
    moment of a scaler is momentum, no part of the metric, and put behind the part that uses the metric.

    Args:
        scaler: the optax transformation.

    Returns:
        A transformation that maps u to the diagonal.

    Raises:
        ValueError: if the scaler has momentum (its output for a zero update is not zero).

    Example:
        >>> import optax, gamesolve as gs
        >>> metric = gs.transforms.metric_of(optax.scale_by_rms(bias_correction=True))
        >>> adaptive = optax.chain(gs.transforms.competitive(0.1, metric), optax.sgd(0.1))
        >>> gs.solve(gs.games.curl(), adaptive, (1.0, 1.0), 10).status == gs.Status.BUDGET
        Array(True, dtype=bool)
    """
    scaler = optax.with_extra_args_support(scaler)
    _check_without_momentum(scaler)

    def update(updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        # The quotient is 0/0 where the update vanishes; a number whose square is zero stands in for it.
        nonzero = jax.tree.map(lambda u: jnp.where(u == 0, _negligible(u.dtype), u), updates)
        scaled, state = scaler.update(nonzero, state, params, **extra_args)
        return jax.tree.map(jnp.divide, scaled, nonzero), state

    return optax.GradientTransformationExtraArgs(scaler.init, update)


def _negligible(dtype: Any) -> Any:
    return jnp.maximum(jnp.sqrt(jnp.finfo(dtype).tiny) / 2**24, jnp.finfo(dtype).smallest_subnormal)


def _check_without_momentum(scaler: Any) -> None:
    one = jnp.ones(())
    _, state = scaler.update(one, scaler.init(one), one)
    after, _ = scaler.update(0 * one, state, one)
    if not isinstance(after, jax.core.Tracer) and after != 0:
        raise ValueError("scaler has momentum, which is no metric; set its first decay to zero, for example b1=0.0.")
