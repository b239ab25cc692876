"""Systems with one matrix and many shifts: one reduction to Hessenberg form makes each of them cheap."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from gamesolve.game import exact_products
from gamesolve.linear.dense import dense_derivative, flattened
from gamesolve.trees import PyTree, Scalar, magnitude, norm, widened

# Newton's method on a shift needs some five iterations; for matrices that are not monotone it might not converge.
LIMIT = 50


class Hessenberg(NamedTuple):
    """A matrix as ``basis @ reduced @ basis.T``: orthogonal, and zero below the first subdiagonal; both (n, n)."""

    basis: jax.Array
    reduced: jax.Array


def reduce_to_hessenberg(matrix: jax.Array) -> Hessenberg:
    """Reduce a square matrix to Hessenberg form by Householder reflections.

    LAPACK's routine exists on CPUs only; this one runs everywhere, in ``10 n^3 / 3`` multiplications.
    """
    size = len(matrix)

    def reflect(column: jax.Array, form: Hessenberg) -> Hessenberg:
        below = jnp.where(jnp.arange(size) > column, form.reduced[:, column], 0)
        length, head = norm(below), jax.lax.dynamic_index_in_dim(below, column + 1, keepdims=False)
        normal = below.at[column + 1].add(jnp.where(head < 0, -length, length))
        normal = normal / jnp.where(length > 0, norm(normal), 1)
        left = form.reduced - 2 * jnp.outer(normal, normal @ form.reduced)
        mirrored = lambda rows: rows - 2 * jnp.outer(rows @ normal, normal)
        return Hessenberg(mirrored(form.basis), mirrored(left))

    start = Hessenberg(jnp.eye(size, dtype=matrix.dtype), matrix)
    with exact_products():
        return jax.lax.fori_loop(0, max(size - 2, 0), reflect, start)


def solve_shifted(form: Hessenberg, shift: jax.Array, rhs: jax.Array) -> jax.Array:
    """Solve ``(A + shift I) x = rhs`` for the reduced matrix A, by elimination with row exchanges, in O(n^2)."""
    size = len(rhs)
    with exact_products():
        rows = jnp.column_stack([form.reduced + shift * jnp.eye(size, dtype=rhs.dtype), form.basis.T @ rhs])

    def eliminate(above: jax.Array, entry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        column, row = entry
        exchange = jnp.abs(row[column]) > jnp.abs(above[column])
        pivot, other = jnp.where(exchange, row, above), jnp.where(exchange, above, row)
        known = pivot[column] != 0
        factor = jnp.where(known, other[column] / jnp.where(known, pivot[column], 1), 0)
        return other - factor * pivot, pivot

    last, pivots = jax.lax.scan(eliminate, rows[0], (jnp.arange(size - 1), rows[1:]))
    triangle = jnp.vstack([pivots, last])
    with exact_products():
        return form.basis @ solve_triangular(jnp.triu(triangle[:, :-1]), triangle[:, -1])


def reduced_jacobian(function: Callable[[PyTree], PyTree], tree: PyTree) -> Hessenberg:
    """Return the reduced Jacobian of a function from trees to trees of the same structure, in float32 or wider."""
    return reduce_to_hessenberg(dense_derivative(*flattened(function, widened(tree))))


def solve_cubic(form: Hessenberg, rhs: PyTree, weight: Scalar) -> tuple[PyTree, jax.Array]:
    """Solve ``(A + shift I) x = rhs`` with ``shift = weight ||x||``: the cubic-regularised Newton step.

    It has one solution if ``A + A^T`` is positive semidefinite. Newton's method runs on
    ``log shift - log(weight ||x||)``, whose slope in ``log shift`` then lies between 1 and 2. One more step of it
    carries the derivatives.

    Args:
        form: the reduced matrix.
        rhs: right-hand side.
        weight: positive number.

    Returns:
        The solution, shaped as ``rhs``, and the shift; zero and an arbitrary shift if ``rhs`` is zero.
    """
    flat, unravel = jax.flatten_util.ravel_pytree(widened(rhs))
    # The system in units of its largest entry: derivatives of quotients square their divisors, which might underflow.
    unit = magnitude((form.reduced, flat))
    form, flat, weight = form._replace(reduced=form.reduced / unit), flat / unit, jnp.asarray(weight, flat.dtype) / unit
    level, length = jnp.log(weight), norm(flat)

    def excess(form: Hessenberg, flat: jax.Array, level: jax.Array, logarithm: jax.Array) -> jax.Array:
        size = norm(solve_shifted(form, jnp.exp(logarithm), flat))
        return logarithm - level - jnp.log(jnp.where(size > 0, size, 1))

    still = partial(excess, *jax.lax.stop_gradient((form, flat, level)))

    def change(logarithm: jax.Array) -> tuple[jax.Array, jax.Array]:
        value, slope = jax.jvp(still, (logarithm,), (jnp.ones_like(logarithm),))
        slope = jnp.clip(slope, 1, 2)
        return value / slope, slope

    def newton(carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        logarithm, _, count = carry
        moved, _ = change(logarithm)
        return logarithm - moved, jnp.abs(moved), count + 1

    def unsettled(carry: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        _, moved, count = carry
        return (moved > 16 * jnp.finfo(flat.dtype).eps) & (count < LIMIT)

    # The shift of a matrix without curvature, an upper bound.
    first = jax.lax.stop_gradient((level + jnp.log(jnp.where(length > 0, length, 1))) / 2)
    logarithm, *_ = jax.lax.while_loop(unsettled, newton, (first, jnp.ones_like(first), jnp.zeros((), jnp.int32)))
    _, slope = change(logarithm)
    shift = jnp.exp(logarithm - excess(form, flat, level, logarithm) / slope)
    return unravel(solve_shifted(form, shift, flat)), unit * shift
