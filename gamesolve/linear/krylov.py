"""Krylov iterations on pytrees: conjugate gradients, and MINRES and GMRES with the loop that restarts them.

They are plain loops, without derivatives and certificates; `gamesolve.linear` adds both.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from gamesolve.trees import PyTree, Scalar, at_least_float32, computed_once, dot, magnitude, widest

Operator: TypeAlias = Callable[[PyTree], PyTree]
Inner: TypeAlias = Callable[[PyTree, PyTree], Scalar]
# ``cycle(matvec, rhs, goal, limit)`` solves for a right-hand side of norm one. It starts from zero and stops when the
# norm of the residual is below the goal or the limit on iterations is reached. It returns the solution and the number
# of iterations.
Cycle: TypeAlias = Callable[[Operator, PyTree, Scalar, Scalar], tuple[PyTree, jax.Array]]


def axpy(scale: Scalar, x: PyTree, y: PyTree) -> PyTree:
    """Return ``scale x + y`` in the precision of y."""
    return jax.tree.map(lambda a, b: (scale * a + b).astype(b.dtype), x, y)


def times(scale: Scalar, x: PyTree) -> PyTree:
    """Return ``scale x`` in the precision of x."""
    return jax.tree.map(lambda leaf: (scale * leaf).astype(leaf.dtype), x)


def ratio(numerator: jax.Array, denominator: jax.Array) -> jax.Array:
    """Divide, by one if the denominator is not positive: at convergence both numbers are zero."""
    return numerator / jnp.where(denominator > 0, denominator, 1)


def conjugate_gradients(
    matvec: Callable[[PyTree], tuple[PyTree, PyTree]], rhs: PyTree, start: PyTree | None, tolerance: Scalar, limit: int
) -> tuple[tuple[PyTree, PyTree], jax.Array]:
    """Run conjugate gradients on a symmetric positive definite map.

    Args:
        matvec: function of a direction that returns its image and, beside it, a second tree that is linear in the
            direction.
        rhs: right-hand side. Residuals and directions are divided by its magnitude, so that no square underflows or
            overflows.
        start: first guess; zero is used if its residual is smaller. None for zero, which costs no product.
        tolerance: relative tolerance on the residual.
        limit: maximum number of iterations.

    Returns:
        The solution x with the second tree of ``matvec`` for x, and the number of iterations.
    """
    start, (image, along) = _first(matvec, start, rhs)
    size = magnitude(rhs)
    sums, residual, square, scale = _begin((start, along), times(1 / size, image), times(1 / size, rhs), dot)

    def unfinished(carry: PyTree) -> jax.Array:
        *_, square, iteration = carry
        return (square > tolerance**2 * scale) & (iteration < limit)

    def advance(carry: PyTree) -> PyTree:
        sums, residual, direction, turn, square, iteration = carry
        # XLA copies a value that is still read after its successor is written. The direction is therefore updated
        # first, and the old square, the divisor of the new one, is recovered from the step.
        direction = axpy(turn, direction, residual)
        image, along = matvec(direction)
        curvature = dot(direction, image)
        step = ratio(square, curvature)
        sums = axpy(size * step, (direction, along), sums)
        residual = axpy(-step, image, residual)
        new_square = dot(residual, residual)
        return sums, residual, direction, ratio(new_square, step * curvature), new_square, iteration + 1

    # The first turn is zero, so the direction before it does not matter. A constant would be copied in every step, and
    # with that copy XLA's CPU runtime has so many kernels ready at the start of a step of ACGD that it wakes another
    # thread.
    carry = (sums, residual, rhs, 0 * square, square, jnp.zeros((), jnp.int32))
    sums, *_, iterations = jax.lax.while_loop(unfinished, advance, carry)
    return sums, iterations


class Iterate(NamedTuple):
    """The current solution, the number of iterations, the true residual, and whether that leaves nothing to do.

    It has then reached the tolerance, or is not a number.
    """

    x: PyTree
    iterations: jax.Array
    residual: PyTree
    reached: jax.Array


def restarted(
    cycle: Cycle,
    matvec: Operator,
    rhs: PyTree,
    start: PyTree | None,
    tolerance: Scalar,
    limit: Scalar,
    inner: Inner = dot,
    gain: float = 0.9,
    kept: float = 1.0,
) -> Iterate:
    """Run cycles, each on the true residual of the last one, until the residual is small or stops decreasing.

    Args:
        cycle: a Krylov iteration.
        matvec: the linear map.
        rhs: right-hand side.
        start: first guess; zero is used if its residual is smaller. None for zero, which costs no product.
        tolerance: relative tolerance on the residual.
        limit: maximum number of iterations in all cycles together.
        inner: inner product that defines the norm of residuals.
        gain: another cycle follows if the last one reduced the norm to below this fraction.
        kept: the correction of a cycle is kept if it reduced the norm to below this fraction.

    Returns:
        The `Iterate`.
    """
    unit = magnitude(rhs)
    rhs, start = times(1 / unit, rhs), times(1 / unit, start)
    start, image = _first(matvec, start, rhs)
    x, residual, square, scale = _begin(start, image, rhs, inner)
    goal, norm = tolerance * jnp.sqrt(scale), jnp.sqrt(square)

    def unfinished(carry: PyTree) -> jax.Array:
        _, _, norm, before, count = carry
        return (norm > goal) & (norm < gain * before) & (count < limit)

    def advance(carry: PyTree) -> PyTree:
        x, residual, norm, _, count = carry
        direction = times(ratio(jnp.ones_like(norm), norm), residual)
        correction, taken = cycle(matvec, direction, ratio(0.5 * goal, norm), limit - count)
        candidate = axpy(norm, correction, x)
        residual_after = axpy(-1.0, matvec(candidate), rhs)
        norm_after = jnp.sqrt(inner(residual_after, residual_after))
        better = norm_after < kept * norm
        keep = lambda new, old: jax.tree.map(partial(jnp.where, better), new, old)
        after = keep(candidate, x), keep(residual_after, residual), jnp.where(better, norm_after, norm)
        return *after, norm, count + taken

    carry = (x, residual, norm, jnp.full_like(norm, jnp.inf), jnp.zeros((), jnp.int32))
    x, residual, norm, _, count = jax.lax.while_loop(unfinished, advance, carry)
    return Iterate(times(unit, x), count, times(unit, residual), ~(norm > goal))


def minres(matvec: Operator, rhs: PyTree, goal: Scalar, limit: Scalar, inner: Inner = dot) -> tuple[PyTree, jax.Array]:
    """Run a `Cycle` of MINRES, for a map that is self-adjoint in the inner product, definite or not.

    It stores a few vectors, independently of the number of iterations.

    Reference:
        Paige, Saunders, "Solution of Sparse Indefinite Systems of Linear Equations", SIAM J. Numer. Anal. 1975.
    """

    def unfinished(carry: PyTree) -> jax.Array:
        *_, left, iteration = carry
        return (jnp.abs(left) > goal) & (iteration < limit)

    def advance(carry: PyTree) -> PyTree:
        x, (before, vector), (direction_before, direction), rotations, left, iteration = carry
        (cosine_before, sine_before), (cosine, sine), length = rotations
        image = axpy(-length, before, matvec(vector))
        diagonal = inner(vector, image)
        image = axpy(-diagonal, vector, image)
        next_length = jnp.sqrt(inner(image, image))
        # The column of the tridiagonal matrix, after the two previous rotations; one more rotation leaves the pivot.
        top = cosine * diagonal - cosine_before * sine * length
        above, two_above = sine * diagonal + cosine_before * cosine * length, sine_before * length
        pivot = jnp.hypot(top, next_length)
        rotation = ratio(top, pivot), ratio(next_length, pivot)
        next_direction = jax.tree.map(
            lambda v, d, e: ratio(v - two_above * e - above * d, pivot).astype(v.dtype),
            vector,
            direction,
            direction_before,
        )
        x = axpy(rotation[0] * left, next_direction, x)
        following = jax.tree.map(lambda leaf: ratio(leaf, next_length).astype(leaf.dtype), image)
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


def gmres(matvec: Operator, rhs: PyTree, goal: Scalar, limit: Scalar, space: int) -> tuple[PyTree, jax.Array]:
    """Run a `Cycle` of GMRES, for any map, of at most ``space`` iterations; it stores one vector more than that.

    It replaces the GMRES of `jax.scipy`, which repeats the orthogonalisation when overlaps are already small and not
    when they are large. With some 10^5 unknowns in float32, its basis is no longer orthogonal after a few vectors.

    Reference:
        Saad, Schultz, "GMRES: a generalized minimal residual algorithm for solving nonsymmetric linear systems",
        SIAM J. Sci. Stat. Comput. 1986.
    """
    wide = at_least_float32(widest(rhs))
    basis = jax.tree.map(lambda leaf: jnp.zeros((space + 1, *leaf.shape), leaf.dtype).at[0].set(leaf), rhs)
    # Columns that are not reached remain those of a shift, to which the least-squares problem gives no weight.
    projected = jnp.eye(space + 1, space, -1, dtype=wide)

    def unfinished(carry: PyTree) -> jax.Array:
        *_, null, iteration = carry
        return (goal * jnp.linalg.norm(null) < 1) & (iteration < jnp.minimum(space, limit))

    def advance(carry: PyTree) -> PyTree:
        basis, projected, null, j = carry
        vector, column = orthogonalise(basis, matvec(jax.tree.map(lambda leaf: leaf[j], basis)))
        column, length = column.astype(wide), jnp.sqrt(dot(vector, vector)).astype(wide)
        # The vector orthogonal to all columns of the projected map, with first entry one: the smallest residual is one
        # over its norm.
        null = null.at[j + 1].set(-jnp.vdot(null, column) / length)
        write = lambda leaf, row: leaf.at[j + 1].set(ratio(row, length.astype(row.dtype)))
        return jax.tree.map(write, basis, vector), projected.at[:, j].set(column.at[j + 1].set(length)), null, j + 1

    first = jnp.zeros(space + 1, wide).at[0].set(1)
    carry = (basis, projected, first, jnp.zeros((), jnp.int32))
    basis, projected, _, iterations = jax.lax.while_loop(unfinished, advance, carry)
    # If the map is singular, directions that consist of rounding errors only are left out.
    weights, *_ = jnp.linalg.lstsq(projected, first, rcond=100 * float(jnp.finfo(wide).eps))
    return _combination(jnp.append(weights, 0), basis), iterations


def orthogonalise(basis: PyTree, vector: PyTree) -> tuple[PyTree, jax.Array]:
    """Return the component of a vector orthogonal to a basis, by two passes of classical Gram-Schmidt.

    Args:
        basis: orthonormal vectors along a leading axis of every leaf; unused vectors are zero.
        vector: the vector.

    Returns:
        The orthogonal component, and the coordinates of the other component in the basis.
    """
    first = _coordinates(basis, vector)
    vector = _less(vector, _combination(first, basis))
    second = _coordinates(basis, vector)
    return _less(vector, _combination(second, basis)), first + second


def _less(vector: PyTree, part: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: (a - b).astype(a.dtype), vector, part)


def _coordinates(basis: PyTree, vector: PyTree) -> jax.Array:
    along = lambda rows, leaf: _summed(rows.conj(), leaf, leaf.ndim)
    return computed_once(jax.tree.reduce(jnp.add, jax.tree.map(along, basis, vector)), basis)


def _combination(weights: jax.Array, basis: PyTree) -> PyTree:
    return jax.tree.map(lambda rows: _summed(weights.astype(rows.dtype), rows, 1), basis)


def _summed(a: jax.Array, b: jax.Array, axes: int) -> jax.Array:
    """Return a product of arrays of one dtype, summed in float32 or wider."""
    return jnp.tensordot(a, b, axes, preferred_element_type=at_least_float32(b.dtype))


def _first(matvec: Operator, start: PyTree | None, rhs: PyTree) -> tuple[PyTree, PyTree]:
    """Return the first guess and its image under ``matvec``."""
    if start is not None:
        return start, matvec(start)
    return optax.tree.zeros_like(rhs), jax.tree.map(jnp.zeros_like, jax.eval_shape(matvec, rhs))


def _begin(start: PyTree, image: PyTree, rhs: PyTree, inner: Inner) -> tuple[PyTree, PyTree, Scalar, Scalar]:
    """Return the first guess, zero unless ``start`` is better, its residual, and the squared norms of that and rhs."""
    residual = jax.tree.map(jnp.subtract, rhs, image)
    square, scale = inner(residual, residual), inner(rhs, rhs)
    warm = square < scale
    choose = lambda near, far: jax.tree.map(partial(jnp.where, warm), near, far)
    start, residual = choose(start, optax.tree.zeros_like(start)), choose(residual, rhs)
    return start, residual, jnp.where(warm, square, scale), scale
