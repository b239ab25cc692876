"""Leading eigenpairs of a linear map from its products alone: a restarted Arnoldi iteration.

It is the Krylov-Schur method. The basis grows by compiled blocks of products, Gram-Schmidt included, on the device.
Between two blocks the host orders the Schur form of the small projected matrix and keeps the wanted half. Real Schur
forms keep conjugate pairs together and the basis real, even if the map is defective.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from gamesolve.game import exact_products
from gamesolve.linear.eigenpairs import (
    ORDERS,
    Operator,
    Order,
    Pairs,
    Values,
    certified,
    default_tolerance,
    from_matrix,
    goals,
    leaders,
    nothing,
)
from gamesolve.linear.krylov import orthogonalise
from gamesolve.trees import Scalar, norm, traced

# Vectors in the whole basis, and products between two convergence tests: fewer for vectors of at least LONG entries.
# Chosen by the measurements of `benchmarks/measurements/spectra.py`.
SPACE = 50
GROWTH, LONG_GROWTH = 20, 5
LONG = 10**5
MAX_PRODUCTS = 5000


def leading_pairs(
    operator: Operator,
    like: jax.Array,
    k: int,
    which: Sequence[str],
    tolerance: float | None = None,
    max_products: int = MAX_PRODUCTS,
) -> Pairs:
    """Return leading eigenpairs by `krylov_schur`, or from the dense matrix if the basis would span most of it anyway.

    Args:
        operator: the map.
        like: any vector of its size and type.
        k: number of eigenpairs at each end.
        which: ends of the spectrum, keys of `ORDERS`.
        tolerance: tolerance on residuals, relative to the modulus of the eigenvalue. Default: `default_tolerance`.
        max_products: maximum number of products; the pairs that have not converged by then have larger residuals.

    Raises:
        ValueError: if an argument is traced.
    """
    if traced((operator, like)):
        raise ValueError("k= finds eigenvalues in a loop on the host. Call this function outside jit, vmap and grad.")
    if like.size <= 2 * space_for(k, which):
        return from_matrix(operator, like, k, which, tolerance)
    return krylov_schur(operator, _random(0, like), k, which, tolerance, max_products)


def krylov_schur(
    operator: Operator,
    start: jax.Array,
    k: int,
    which: Sequence[str],
    tolerance: float | None = None,
    max_products: int = MAX_PRODUCTS,
) -> Pairs:
    """Return leading eigenpairs of an operator by a restarted Arnoldi iteration.

    Args:
        operator: the map.
        start: first vector, not zero; it has the dtype of the map.
        k: number of eigenpairs at each end.
        which: ends of the spectrum, keys of `ORDERS`; one basis serves all of them.
        tolerance: tolerance on residuals, relative to the modulus of the eigenvalue; never below the rounding of a
            product. Default: `default_tolerance`.
        max_products: maximum number of products.

    Returns:
        The `Pairs`, ``k`` per end, the leading pairs first. If ``k`` separates a conjugate pair, only the eigenvalue
        with positive imaginary part is returned.
    """
    keys = [ORDERS[end] for end in which]
    tolerance = default_tolerance(start.dtype) if tolerance is None else tolerance
    space = min(space_for(k, which), start.size - 1)
    # A product with a long vector costs more than a convergence test, and Gram-Schmidt reads all rows of the basis,
    # used or not.
    short = start.size < LONG
    most = GROWTH if short else LONG_GROWTH
    size = min(most + 2 * k, space)
    basis = _begin(start, rows=space if short else min(3 * most + 2 * k, space))
    projected = np.zeros((1, 0))
    products, before = 0, 0.0
    while True:
        kept = projected.shape[1]
        basis, columns = _expand_in_place(operator, basis, kept, size)
        products += size - kept
        projected = np.hstack([_padded(projected, size + 1, kept), np.asarray(columns)[: size + 1, kept:size]])
        if not np.all(np.isfinite(projected)):
            return nothing(start, k * len(which))
        values, small = np.linalg.eig(projected[:-1])
        first = np.concatenate([leaders(values, key, k) for key in keys])
        scale = float(np.linalg.norm(projected, 2))
        residuals, goal = np.abs(projected[-1] @ small[:, first]), goals(values[first], tolerance, scale, start.dtype)
        if np.all(residuals <= goal) or products >= max_products:
            break
        worst = float(np.max(residuals / goal))
        growth, before = _ahead(worst, before, size - kept, most), worst
        if size == space:
            triangle, rotation = _ordered(projected[:-1], _score(values, keys, k), k * len(keys))
            projected = np.vstack([triangle, projected[-1:] @ rotation])
            basis = _rotate(basis, _padded(rotation, space + 1, space + 1).astype(start.dtype), rotation.shape[1])
        size = min(projected.shape[1] + growth, space)
        if len(basis) <= size:
            basis = jnp.pad(basis, ((0, space + 1 - len(basis)), (0, 0)))
    vectors = _vectors(basis, _padded(small[:, first], len(basis), len(first)))
    return certified(operator, values[first], vectors, tolerance, scale)


def _ahead(worst: float, before: float, products: int, most: int) -> int:
    """Return the number of products until the next test: until the worst ratio of residual and goal should reach one.

    The ratio is extrapolated from its decrease in the last products.
    """
    if worst >= before:
        return most
    return min(math.ceil(products * math.log(worst) / math.log(before / worst)), most)


def space_for(k: int, which: Sequence[str]) -> int:
    """Return the number of vectors in the whole basis, for k eigenpairs at each end."""
    return max(4 * k * len(which), SPACE)


def _padded(matrix: Values, rows: int, columns: int) -> Values:
    """Return a matrix with zeros below and to the right."""
    return np.pad(matrix, ((0, rows - matrix.shape[0]), (0, columns - matrix.shape[1])))


def _score(values: Values, keys: Sequence[Order], k: int) -> Order:
    """Return a score for values: the lead over the k-th value at the best end, in units of the spread there."""
    ranks = [np.sort(key(values))[::-1] for key in keys]
    spreads = [max(rank[0] - rank[-1], np.finfo(float).tiny) for rank in ranks]
    ends = list(zip(keys, ranks, spreads, strict=True))
    return lambda at: np.max([(key(at) - rank[k - 1]) / spread for key, rank, spread in ends], axis=0)


def _ordered(matrix: Values, score: Order, wanted: int) -> tuple[Values, Values]:
    """Return the leading block of an ordered Schur form, about half of it and cut at a gap, with its vectors."""
    form = "complex" if np.iscomplexobj(matrix) else "real"
    ranks = np.sort(score(np.linalg.eigvals(matrix)))[::-1]
    middle = (wanted + len(matrix)) // 2
    cuts = np.flatnonzero(ranks[:-1] - ranks[1:] > 1e-6) + 1
    for cut in cuts[np.argsort(np.abs(cuts - middle), kind="stable")]:
        least = (ranks[cut - 1] + ranks[cut]) / 2
        leads = lambda real, imag=0.0, least=least: bool(score(np.asarray(real + 1j * imag)) >= least)
        try:
            ordered: Any = scipy.linalg.schur(matrix, output=form, sort=leads)
        except np.linalg.LinAlgError:  # rounding moved an eigenvalue across the cut: try the next gap
            continue
        triangle, rotation, count = ordered
        return triangle[:count, :count], rotation[:, :count]
    # All values lead equally, so any invariant subspace will do.
    plain: Any = scipy.linalg.schur(matrix, output=form)
    triangle, rotation = plain
    cut = middle - int(triangle[middle, middle - 1] != 0)
    return triangle[:cut, :cut], rotation[:, :cut]


def expand(operator: Operator, basis: jax.Array, begin: Scalar, end: Scalar) -> tuple[jax.Array, jax.Array]:
    """Grow a Krylov basis and return it with the columns of the projected map.

    Args:
        operator: the map.
        basis: orthonormal rows up to row ``begin``, zeros below; one row more than there are columns.
        begin: number of vectors whose images are known.
        end: number of vectors whose images are known afterwards.

    Returns:
        The basis and, in columns ``begin`` to ``end``, the coordinates of the images in it.
    """
    with exact_products():
        product = operator()

        def advance(j: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            basis, columns = carry
            image = product(basis[j])
            vector, column = orthogonalise(basis, image)
            length = norm(vector)
            # The space is invariant. Continue with a vector outside of it, so that copies of an eigenvalue are found.
            broken = length <= 10 * jnp.finfo(vector.dtype).eps * norm(image)
            fresh = lambda: orthogonalise(basis, _random(j, vector))[0]
            vector = jax.lax.cond(broken, fresh, lambda: vector)
            column = column.at[j + 1].set(jnp.where(broken, 0, length))
            return basis.at[j + 1].set(vector / norm(vector)), columns.at[:, j].set(column)

        columns = jnp.zeros((len(basis), len(basis) - 1), basis.dtype)
        return jax.lax.fori_loop(begin, end, advance, (basis, columns))


_expand_in_place = jax.jit(expand, donate_argnums=1)


def _random(seed: Scalar, like: jax.Array) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), like.shape, like.dtype)


@partial(jax.jit, static_argnames="rows")
def _begin(start: jax.Array, rows: int) -> jax.Array:
    return jnp.zeros((rows + 1, start.size), start.dtype).at[0].set(start / norm(start))


@partial(jax.jit, donate_argnums=0)
def _rotate(basis: jax.Array, rotation: jax.Array, kept: Scalar) -> jax.Array:
    """Return the basis of the kept space and the next vector; the rotation has zeros beyond ``kept``."""
    with exact_products():
        return (rotation.T @ basis).at[kept].set(basis[-1])


@jax.jit
def _vectors(basis: jax.Array, small: jax.Array) -> jax.Array:
    with exact_products():
        weights = small.T.astype(jnp.result_type(basis.dtype, jnp.complex64))
        if jnp.iscomplexobj(basis):
            return weights @ basis
        # One pass over the basis, without a copy of it.
        return jax.lax.complex(*jnp.split(jnp.concatenate([weights.real, weights.imag]) @ basis, 2))
