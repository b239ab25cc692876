"""Diagonal metrics: transformations that return the diagonal itself instead of a scaled update."""

from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.solver import parametric
from gamesolve.trees import DType, PyTree, Scalar, State, Updates


class RmsMetricState(NamedTuple):
    """State of `rms_metric`: number of steps and moving average of the squared updates."""

    count: Scalar  # pyright: ignore[reportIncompatibleMethodOverride]
    square: Updates


@parametric
def rms_metric(decay: float = 0.99, eps: float = 1e-5) -> optax.GradientTransformation:
    """Return the diagonal ``sqrt(1 - decay^t) / (sqrt(s_t) + eps)``, ``s_t = decay s_(t-1) + (1 - decay) u_t^2``.

    This is the bias-corrected RMSProp metric of adaptive CGD. ``eps`` is outside the bias correction.

    Args:
        decay: decay of the moving average.
        eps: constant added to the square root, in units of the gradient.

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
    check_number("decay", decay, least=0.0, below=1.0)
    check_number("eps", eps, least=0.0)

    def init(params: PyTree) -> RmsMetricState:
        return RmsMetricState(jnp.zeros((), jnp.int32), optax.tree.zeros_like(params))

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, RmsMetricState]:
        del params
        count = optax.safe_increment(state.count)
        square = jax.tree.map(lambda s, u: s + jnp.asarray(1 - decay, s.dtype) * (u**2 - s), state.square, updates)

        def diagonal(root: jax.Array) -> jax.Array:
            correction = jnp.sqrt(1 - jax.lax.pow(jnp.asarray(decay, root.dtype), count))
            return correction / (root + jnp.asarray(eps, root.dtype))

        return jax.tree.map(diagonal, _roots(square)), RmsMetricState(count, square)

    return optax.GradientTransformation(init, update)


@jax.custom_jvp
def _roots(squares: PyTree) -> PyTree:
    return jax.tree.map(jnp.sqrt, squares)


@_roots.defjvp
def _roots_derivative(primals: tuple[PyTree], tangents: tuple[PyTree]) -> tuple[PyTree, PyTree]:
    """Give the square root of an entry that has never moved the derivative zero; it multiplies an update of zero.

    If no entry has ever moved, at an equilibrium, the root has no derivative, and the result stays NaN.
    """
    (squares,), (changes,) = primals, tangents
    roots, largest = _roots(squares), jnp.asarray(optax.tree.max(squares))
    at_zero = jnp.where(largest > 0, 0.0, jnp.nan)

    def change(root: jax.Array, tangent: jax.Array) -> jax.Array:
        slope = jnp.where(root > 0, 0.5 / jnp.where(root > 0, root, 1), at_zero)
        return slope.astype(tangent.dtype) * tangent

    return roots, jax.tree.map(change, roots, changes)


@parametric
def metric_of(scaler: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Make a metric from any optax scaler that multiplies the update by a positive diagonal.

    Examples are ``optax.scale_by_rms()``, ``optax.scale_by_adam(b1=0.0)`` and ``optax.scale_by_amsgrad(b1=0.0)``. The
    first moment of a scaler is momentum, which is not part of a metric: place it after the part that uses the metric.

    Args:
        scaler: an optax transformation without momentum.

    Returns:
        A transformation that maps u to the diagonal.

    Raises:
        ValueError: if the scaler has momentum, that is, if it does not map a zero update to zero.

    Example:
        >>> import optax, gamesolve as gs
        >>> metric = gs.transforms.metric_of(optax.scale_by_rms(bias_correction=True))
        >>> adaptive = optax.chain(gs.transforms.competitive(0.1, metric), optax.sgd(0.1))
        >>> gs.solve(gs.games.curl(), adaptive, (1.0, 1.0), 10).status == gs.Status.BUDGET
        Array(True, dtype=bool)
    """
    scaler = optax.with_extra_args_support(scaler)
    _check_without_momentum(scaler)

    def update(updates: Updates, state: State, params: PyTree = None, **extra_args: object) -> tuple[Updates, State]:
        # For an update of zero the quotient is 0/0; a number whose square underflows to zero replaces it.
        nonzero = jax.tree.map(lambda u: jnp.where(u == 0, _negligible(u.dtype), u), updates)
        scaled, state = scaler.update(nonzero, state, params, **extra_args)
        return jax.tree.map(jnp.divide, scaled, nonzero), state

    return optax.GradientTransformationExtraArgs(scaler.init, update)


def _negligible(dtype: DType) -> jax.Array:
    return jnp.maximum(jnp.sqrt(jnp.finfo(dtype).tiny) / 2**24, jnp.finfo(dtype).smallest_subnormal)


def _check_without_momentum(scaler: optax.GradientTransformation) -> None:
    one = jnp.ones(())
    _, state = scaler.update(one, scaler.init(one), one)
    after, _ = scaler.update(0 * one, state, one)
    if not isinstance(after, jax.core.Tracer) and after != 0:
        raise ValueError("scaler must not have momentum. Set its first decay to zero, for example b1=0.0.")
