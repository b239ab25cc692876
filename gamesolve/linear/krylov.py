"""Krylov iterations on pytrees: conjugate gradients, and MINRES and GMRES inside the loop that restarts them.

Plain loops, neither differentiable nor certified: `gamesolve.linear` makes solves of them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Operator = Callable[[Any], Any]
Inner = Callable[[Any, Any], Any]
# ``cycle(matvec, rhs, goal, limit)`` solves for a right-hand side of norm one, from zero on, until the norm of the
# residual is below the goal or the limit on its iterations is reached; it returns the solution and their number.
Cycle = Callable[[Operator, Any, Any, Any], tuple[Any, jax.Array]]


def dot(a: Any, b: Any) -> Any:
    """Return the inner product of two trees."""
    return optax.tree.vdot(a, b)


def axpy(scale: Any, x: Any, y: Any) -> Any:
    """Return ``scale x + y``."""
    return jax.tree.map(lambda a, b: scale * a + b, x, y)


def ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Divide, but by one where there is nothing to divide by: at convergence both are zero."""
    return numerator / jnp.where(denominator > 0, denominator, 1)


def conjugate_gradients(
    matvec: Callable[[Any], tuple[Any, Any]], rhs: Any, start: Any, tolerance: Any, limit: int
) -> tuple[tuple[Any, Any], jax.Array]:
    """Iterate on x, and add up for x what ``matvec`` returns beside the image of a direction."""
    image, along = matvec(start)
    sums, residual, square, scale = _begin((start, along), image, rhs, dot)

    def unfinished(carry: Any) -> jax.Array:
        *_, square, iteration = carry
        return (square > tolerance**2 * scale) & (iteration < limit)

    def advance(carry: Any) -> Any:
        sums, residual, direction, turn, square, iteration = carry
        # XLA copies what is still read after its successor is written: so the direction comes first, and what the
        # squares are divided by is taken from the step.
        direction = axpy(turn, direction, residual)
        image, along = matvec(direction)
        curvature = dot(direction, image)
        step = ratio(square, curvature)
        sums = axpy(step, (direction, along), sums)
        residual = jax.tree.map(lambda r, entry: r - step * entry, residual, image)
        new_square = dot(residual, residual)
        return sums, residual, direction, ratio(new_square, step * curvature), new_square, iteration + 1

    # The first turn is zero, whatever the direction before it. A constant would be copied in every step, and with that
    # copy XLA's CPU runtime has so many kernels ready at the start of a step of ACGD that it wakes another thread.
    carry = (sums, residual, rhs, 0 * square, square, jnp.zeros((), jnp.int32))
    sums, *_, iterations = jax.lax.while_loop(unfinished, advance, carry)
    return sums, iterations


class Iterate(NamedTuple):
    """A solution so far, the number of iterations, the true residual, and whether that is as small as it is to be."""

    x: Any
    iterations: jax.Array
    residual: Any
    reached: jax.Array


def restarted(
    cycle: Cycle,
    matvec: Operator,
    rhs: Any,
    start: Any,
    tolerance: Any,
    limit: Any,
    inner: Inner = dot,
    gain: float = 0.9,
    kept: float = 1.0,
) -> Iterate:
    """Run cycles, each on the true residual that the last one left, until it is small or no longer falls.

    Args:
        cycle: a Krylov iteration.
        matvec: the linear map.
        rhs: right-hand side.
        start: first guess; it is dropped where zero is the better one.
        tolerance: relative tolerance on the residual.
        limit: most iterations in all.
        inner: inner product that gives the norm of residuals.
        gain: another cycle follows where the norm has fallen below this share of what it was before the last one.
        kept: what a cycle found is kept where the norm has fallen below this share.
    """
    x, residual, square, scale = _begin(start, matvec(start), rhs, inner)
    goal, norm = tolerance * jnp.sqrt(scale), jnp.sqrt(square)

    def unfinished(carry: Any) -> jax.Array:
        _, _, norm, before, count = carry
        return (norm > goal) & (norm < gain * before) & (count < limit)

    def advance(carry: Any) -> Any:
        x, residual, norm, _, count = carry
        unit = jax.tree.map(lambda leaf: ratio(leaf, norm), residual)
        correction, taken = cycle(matvec, unit, ratio(0.5 * goal, norm), limit - count)
        candidate = axpy(norm, correction, x)
        residual_after = axpy(-1.0, matvec(candidate), rhs)
        norm_after = jnp.sqrt(inner(residual_after, residual_after))
        better = norm_after < kept * norm
        keep = lambda new, old: jax.tree.map(partial(jnp.where, better), new, old)
        after = keep(candidate, x), keep(residual_after, residual), jnp.where(better, norm_after, norm)
        return *after, norm, count + taken

    carry = (x, residual, norm, jnp.full_like(norm, jnp.inf), jnp.zeros((), jnp.int32))
    x, residual, norm, _, count = jax.lax.while_loop(unfinished, advance, carry)
    return Iterate(x, count, residual, norm <= goal)


def minres(matvec: Operator, rhs: Any, goal: Any, limit: Any, inner: Inner = dot) -> tuple[Any, jax.Array]:
    """Run a `Cycle` of MINRES, for a map that is self-adjoint in the inner product, definite or not.

    A few vectors, whatever the number of iterations.

    Reference:
        Paige, Saunders, "Solution of Sparse Indefinite Systems of Linear Equations", SIAM J. Numer. Anal. 1975.
    """

    def unfinished(carry: Any) -> jax.Array:
        *_, left, iteration = carry
        return (jnp.abs(left) > goal) & (iteration < limit)

    def advance(carry: Any) -> Any:
        x, (before, vector), (direction_before, direction), rotations, left, iteration = carry
        (cosine_before, sine_before), (cosine, sine), length = rotations
        image = axpy(-length, before, matvec(vector))
        diagonal = inner(vector, image)
        image = axpy(-diagonal, vector, image)
        next_length = jnp.sqrt(inner(image, image))
        # The column of the tridiagonal matrix, rotated as the two before it were, and by one more to end on its top.
        top = cosine * diagonal - cosine_before * sine * length
        above, two_above = sine * diagonal + cosine_before * cosine * length, sine_before * length
        pivot = jnp.hypot(top, next_length)
        rotation = ratio(top, pivot), ratio(next_length, pivot)
        next_direction = jax.tree.map(
            lambda v, d, e: ratio(v - two_above * e - above * d, pivot), vector, direction, direction_before
        )
        x = axpy(rotation[0] * left, next_direction, x)
        following = jax.tree.map(lambda leaf: ratio(leaf, next_length), image)
        rotations = (cosine, sine), rotation, next_length
        vectors, directions = (vector, following), (direction, next_direction)
        return x, vectors, directions, rotations, -rotation[1] * left, iteration + 1

    zeros = optax.tree.zeros_like(rhs)
    one = jnp.ones_like(inner(rhs, rhs))
    nothing = jnp.zeros_like(one)
    rotations = (one, nothing), (one, nothing), nothing
    carry = (zeros, (zeros, rhs), (zeros, zeros), rotations, one, jnp.zeros((), jnp.int32))
    x, *_, iterations = jax.lax.while_loop(unfinished, advance, carry)
    return x, iterations


def gmres(matvec: Operator, rhs: Any, goal: Any, limit: Any, space: int) -> tuple[Any, jax.Array]:
    """Run a `Cycle` of GMRES, for any map, of at most ``space`` iterations; it keeps one vector more than that.

    Not the one of `jax.scipy`, which orthogonalises again where overlaps are small already and not where they are
    large: with some 10^5 unknowns in float32 its basis is no longer orthogonal after a few vectors.

    Reference:
        Saad, Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
        SIAM J. Sci. Stat. Comput. 1986.
    """
    wide = jnp.promote_types(optax.tree.dtype(rhs, "lowest"), jnp.float32)
    basis = jax.tree.map(lambda leaf: jnp.zeros((space + 1, *leaf.shape), leaf.dtype).at[0].set(leaf), rhs)
    # Columns that are not reached stay those of a shift, on which the least-squares problem puts no weight.
    projected = jnp.eye(space + 1, space, -1, dtype=wide)

    def unfinished(carry: Any) -> jax.Array:
        *_, null, iteration = carry
        return (goal * jnp.linalg.norm(null) < 1) & (iteration < jnp.minimum(space, limit))

    def advance(carry: Any) -> Any:
        basis, projected, null, j = carry
        vector, column = orthogonalise(basis, matvec(jax.tree.map(lambda leaf: leaf[j], basis)))
        column, length = column.astype(wide), optax.tree.norm(vector).astype(wide)
        # The vector that no column of the projected map sees, first entry one: the least residual is one over its norm.
        null = null.at[j + 1].set(-jnp.vdot(null, column) / length)
        write = lambda leaf, row: leaf.at[j + 1].set(ratio(row, length.astype(row.dtype)))
        return jax.tree.map(write, basis, vector), projected.at[:, j].set(column.at[j + 1].set(length)), null, j + 1

    first = jnp.zeros(space + 1, wide).at[0].set(1)
    carry = (basis, projected, first, jnp.zeros((), jnp.int32))
    basis, projected, _, iterations = jax.lax.while_loop(unfinished, advance, carry)
    # Where the map is singular, directions of which nothing but rounding is left are not taken.
    weights, *_ = jnp.linalg.lstsq(projected, first, rcond=100 * float(jnp.finfo(wide).eps))
    return _combination(jnp.append(weights, 0), basis), iterations


def orthogonalise(basis: Any, vector: Any) -> tuple[Any, jax.Array]:
    """Take the part of a vector orthogonal to a basis, by two passes of classical Gram-Schmidt.

    Args:
        basis: a tree as the vector, with an axis before that numbers orthonormal vectors; unused ones are zero.
        vector: the vector.

    Returns:
        That part, and the coordinates of the other one in the basis.
    """
    first = _coordinates(basis, vector)
    vector = jax.tree.map(jnp.subtract, vector, _combination(first, basis))
    second = _coordinates(basis, vector)
    return jax.tree.map(jnp.subtract, vector, _combination(second, basis)), first + second


def _coordinates(basis: Any, vector: Any) -> jax.Array:
    each = jax.tree.map(lambda rows, leaf: jnp.tensordot(rows.conj(), leaf, leaf.ndim), basis, vector)
    return jax.tree.reduce(jnp.add, each)


def _combination(weights: jax.Array, basis: Any) -> Any:
    return jax.tree.map(lambda rows: jnp.tensordot(weights.astype(rows.dtype), rows, 1), basis)


def _begin(start: Any, image: Any, rhs: Any, inner: Inner) -> tuple[Any, Any, Any, Any]:
    """Return the first guess, zero where ``start`` is no better, its residual and both squared norms."""
    residual = jax.tree.map(jnp.subtract, rhs, image)
    square, scale = inner(residual, residual), inner(rhs, rhs)
    warm = square < scale
    choose = lambda near, far: jax.tree.map(partial(jnp.where, warm), near, far)
    start, residual = choose(start, optax.tree.zeros_like(start)), choose(residual, rhs)
    return start, residual, jnp.where(warm, square, scale), scale
