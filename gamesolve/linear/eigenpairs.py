"""Eigenpairs with their true residuals, and how to find them from the dense matrix of an operator."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.game import exact_products
from gamesolve.trees import DType, norm

# A map from vectors to vectors of the same length.
VectorMap: TypeAlias = Callable[[jax.Array], jax.Array]
# An operator is a pytree that returns a map when it is called, so that the arrays of the map are traced.
Operator: TypeAlias = Callable[[], VectorMap]
# Complex numpy arrays; numpy's stubs do not know which arrays have real and imaginary parts.
Values: TypeAlias = Any
Order: TypeAlias = Callable[[Values], Values]

# How far a value leads at each end of the spectrum; conjugates lead equally.
ORDERS: dict[str, Order] = {
    "LM": np.abs,
    "LR": np.real,
    "SR": lambda values: -np.real(values),
    "LI": lambda values: np.abs(np.imag(values)),
}


class Pairs(NamedTuple):
    """Eigenvalues of a map, unit vectors as rows, true residuals ``||A x - l x||``, and which pairs have converged."""

    eigenvalues: Values
    vectors: jax.Array
    residuals: Values
    converged: Values


def from_matrix(
    operator: Operator, like: jax.Array, k: int, which: Sequence[str], tolerance: float | None = None
) -> Pairs:
    """Return leading eigenpairs from the dense matrix of the operator.

    Args:
        operator: the map.
        like: any vector of its size and type.
        k: number of eigenpairs at each end.
        which: ends of the spectrum, keys of `ORDERS`.
        tolerance: tolerance on residuals, relative to the modulus of the eigenvalue. Default: `default_tolerance`.
    """
    matrix = np.asarray(matrix_of(operator, like))
    if not np.all(np.isfinite(matrix)):
        return nothing(like, k * len(which))
    values, vectors = np.linalg.eig(matrix)
    order = np.concatenate([leaders(values, ORDERS[end], k) for end in which])
    return certified(
        operator, values[order], jnp.asarray(vectors.T[order]), tolerance, float(np.linalg.norm(matrix, 2))
    )


def certified(
    operator: Operator, values: Values, vectors: jax.Array, tolerance: float | None = None, scale: float = 0.0
) -> Pairs:
    """Return pairs with their true residuals.

    Args:
        operator: the map.
        values: the eigenvalues.
        vectors: their vectors, as rows; they are made complex and normalised.
        tolerance: tolerance on residuals, relative to the modulus of the eigenvalue. Default: `default_tolerance`.
        scale: scale of the operator, whose rounding bounds the residuals from below. At least the largest modulus of
            the eigenvalues is used.
    """
    tolerance = default_tolerance(vectors.dtype) if tolerance is None else tolerance
    vectors, residuals = _residuals(operator, vectors, values)
    residuals = np.asarray(residuals)
    scale = max(scale, float(np.abs(values).max(initial=0)))
    # The projected residual met the goal; the true residual also has the rounding errors of all products.
    return Pairs(values, vectors, residuals, residuals <= 2 * goals(values, tolerance, scale, vectors.dtype))


def default_tolerance(dtype: DType) -> float:
    """Return the relative tolerance on residuals: 1e-10 in double precision, 1e-5 in single."""
    return 1e-10 if jnp.finfo(dtype).bits == 64 else 1e-5


def nothing(like: jax.Array, number: int) -> Pairs:
    """Return pairs of NaN, for a map that is not finite."""
    nan = np.full(number, np.nan)
    vectors = jax.device_put(np.full((number, like.size), np.nan, like.dtype))
    return Pairs(nan + 0j, vectors, nan, np.zeros(number, bool))


def goals(values: Values, tolerance: float, scale: float, dtype: DType) -> Values:
    """Return the residuals that count as converged, never below the rounding of a product."""
    return np.maximum(tolerance * np.abs(values), 10 * float(jnp.finfo(dtype).eps) * scale)


def gaps(values: Values, accuracy: Values) -> Values:
    """Return how far each of the values of largest modulus is from the nearest that differs from it, 1 at most.

    The vector of an eigenvalue holds the others with a weight of its residual divided by this.

    Args:
        values: the values; those that were not found are no larger than the smallest of these.
        accuracy: distance within which a value counts as equal to each of them.
    """
    sizes = np.abs(values)
    distances = np.column_stack([np.abs(values[:, None] - values), sizes - np.min(sizes)])
    return np.min(distances, axis=1, initial=1, where=distances > accuracy[:, None])


def leaders(values: Values, order: Order, k: int) -> Values:
    """Return the indices of the k leading values; of two conjugates, the one with positive imaginary part is first."""
    return np.lexsort((-values.imag, -order(values)))[:k]


def complexified(product: VectorMap) -> VectorMap:
    """Return a linear map on complex vectors. A real vector still takes one product with a real map."""

    def apply(vector: jax.Array) -> jax.Array:
        if not jnp.iscomplexobj(vector) or jnp.iscomplexobj(jax.eval_shape(product, vector.real)):
            return product(vector)
        imaginary = jax.lax.cond(jnp.any(vector.imag != 0), product, jnp.zeros_like, vector.imag)
        return jax.lax.complex(product(vector.real), imaginary)

    return apply


@jax.jit
def _product(operator: Operator, vector: jax.Array) -> jax.Array:
    with exact_products():
        return operator()(vector)


@jax.jit
def matrix_of(operator: Operator, like: jax.Array) -> jax.Array:
    """Return the dense matrix of an operator, for vectors of the size and type of ``like``."""
    with exact_products():
        return jax.lax.map(operator(), jnp.eye(like.size, dtype=like.dtype), batch_size=128).T


@jax.jit
def _residuals(operator: Operator, vectors: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the vectors, complex and normalised, and their residuals."""
    with exact_products():
        product = complexified(operator())
        vectors = vectors.astype(jnp.result_type(vectors.dtype, jnp.complex64))
        vectors = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
        residual = lambda pair: norm(product(pair[0]) - pair[1] * pair[0])
        return vectors, jax.lax.map(residual, (vectors, values.astype(vectors.dtype)))
