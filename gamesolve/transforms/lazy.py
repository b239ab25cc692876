"""Lazy second order: cubic-regularised Newton steps that use one Jacobian for several steps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number, whole_number
from gamesolve.linear.dense import check_size
from gamesolve.linear.shifted import Hessenberg, reduced_jacobian, solve_cubic
from gamesolve.solver import parametric
from gamesolve.transforms._base import Step, part
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, at_least_float32, norm, normalised, widened, widest


class LazyState(NamedTuple):
    """Memory of `lazy_extra_newton`.

    Attributes:
        since: steps since the last Jacobian.
        origin: players of the last Jacobian.
        factors: the reduced Jacobian.
        ahead: end ``z - s`` of the last Newton step.
        iterations: products with J that the last step took.
    """

    since: jax.Array
    origin: Players
    factors: Hessenberg
    ahead: Players
    iterations: jax.Array


@parametric
def lazy_extra_newton(regularisation: float, period: int = 1) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-v(z - s) / lambda``: an extragradient step behind a cubic-regularised Newton step s.

    With ``(lambda I - J) s = u`` and ``lambda = M ||s||``. J is computed anew every ``period`` steps. The move differs
    from ``-s`` by ``(||s|| / 2 + ||z - z_J||) / period`` at most, with z_J the players of the last Jacobian: a larger
    difference is cut to that length. If M is at least ``period`` times the Lipschitz constant of J, only rounding
    errors are larger. If M is smaller, the step can differ from the formula.

    Args:
        regularisation: M, see the solver `gamesolve.lazy_extra_newton`.
        period: number of steps that use one Jacobian. Default: 1.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state holds two dense matrices.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.lazy_extra_newton(1.0), optax.sgd(1.0))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, solver, (1.0, 0.0), 1)
        >>> [round(float(player), 4) for player in solution.players]
        [0.382, 0.4859]
    """
    check_number("regularisation", regularisation, above=0.0)
    whole_number("period", period, 1)

    def start(players: Players) -> LazyState:
        size, dtype = optax.tree.size(players), at_least_float32(widest(players))
        check_size(jax.ShapeDtypeStruct((size,), dtype), "Use newton, which needs no matrix")
        square = lambda: jnp.zeros((size, size), dtype)
        count = lambda: jnp.zeros((), jnp.int32)
        players = jax.tree.map(jnp.asarray, players)
        return LazyState(count(), players, Hessenberg(square(), square()), players, count())

    def formula(step: Step, last: LazyState) -> tuple[Players, LazyState]:
        due = last.since == 0
        factors = jax.lax.cond(due, lambda: reduced_jacobian(step.descent, step.players), lambda: last.factors)
        origin = optax.tree.where(due, step.players, last.origin)
        newton, shift = solve_cubic(factors, step.u, regularisation)
        ahead = jax.tree.map(lambda z, s: z - s.astype(z.dtype), step.players, newton)
        correction = _correction(
            newton, step.descent(ahead, draw=1), shift, optax.tree.sub(step.players, origin), period
        )
        better = jax.tree.map(lambda s, c, u: (s + c).astype(u.dtype), newton, correction, step.u)
        columns = jnp.where(due, optax.tree.size(step.players), 0).astype(jnp.int32)
        return better, LazyState((last.since + 1) % period, origin, factors, ahead, columns)

    return part("lazy_extra_newton", formula, memory=start, returns=Origin.DIRECTION)


def _correction(newton: Players, field: Players, shift: jax.Array, drift: Players, period: int) -> Players:
    """Return ``(-v(z - s) - shift s) / shift``, the difference between the extragradient step and s.

    It is cut to ``(||s|| / 2 + ||drift||) / period`` with the drift since the last Jacobian, its bound for a
    regularisation of at least ``period`` times the Lipschitz constant of J. Rounding errors, divided by a shift that
    tends to zero, would exceed it, and convergence would end at the square root of the precision.
    """
    # The derivative of a quotient squares its divisor, which might underflow: a power of two comes first.
    size, unit = normalised(shift)
    error = jax.tree.map(lambda f, s: f / size / unit - s, widened(field), newton)
    length, most = norm(error), (norm(newton) / 2 + norm(drift)) / period
    cut = length > most
    return optax.tree.scale(jnp.where(cut, most / jnp.where(cut, length, 1), 1), error)
