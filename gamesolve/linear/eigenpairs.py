"""Eigenpairs with their true residuals: what every way to find them returns, and the two ways that are not our own."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.game import exact_products

# An operator is a pytree that returns the map of one vector when it is called: what it closes over is traced.
Operator = Callable[[], Callable[[jax.Array], jax.Array]]
# Complex numpy arrays; the stubs of numpy do not know which of theirs have parts.
Values = Any
Key = Callable[[Values], Values]

# Which eigenvalues lead: each function is equal for conjugates.
ORDERS: dict[str, Key] = {
    "LM": np.abs,
    "LR": np.real,
    "SR": lambda values: -np.real(values),
    "LI": lambda values: np.abs(np.imag(values)),
}


class Pairs(NamedTuple):
    """Eigenvalues of a map, unit vectors as rows, true residuals ``||A x - l x||``, and which ones are converged."""

    eigenvalues: Values
    vectors: jax.Array
    residuals: Values
    converged: Values


def from_matrix(
    operator: Operator, like: jax.Array, k: int, which: Sequence[str], tolerance: float | None = None
) -> Pairs:
    """Return the same from the dense matrix of the operator.

    Args:
        operator: the map.
        like: any vector of its size and type.
        k: number of eigenpairs at each end.
        which: ends of the spectrum, keys of `ORDERS`.
        tolerance: on residuals relative to the eigenvalue's modulus.
    """
    matrix = np.asarray(_matrix(operator, like))
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
        vectors: their vectors, as rows; they are made complex and of norm one.
        tolerance: on residuals relative to the eigenvalue's modulus.
        scale: of the operator, whose rounding no residual can be below; that of the largest eigenvalue at least.
    """
    tolerance = default_tolerance(vectors.dtype) if tolerance is None else tolerance
    vectors, residuals = _residuals(operator, vectors, values)
    residuals = np.asarray(residuals)
    scale = max(scale, float(np.abs(values).max(initial=0)))
    # The projected residual met the goal; the true one carries the rounding of all products.
    return Pairs(values, vectors, residuals, residuals <= 2 * goals(values, tolerance, scale, vectors.dtype))


def default_tolerance(dtype: Any) -> float:
    """Return the relative tolerance on residuals: 1e-10 in double precision, 1e-5 in single."""
    return 1e-10 if jnp.finfo(dtype).bits == 64 else 1e-5


def nothing(like: jax.Array, number: int) -> Pairs:
    """Return the pairs of a map that is not finite."""
    nan = np.full(number, np.nan)
    return Pairs(nan + 0j, jnp.full((number, like.size), jnp.nan, like.dtype), nan, np.zeros(number, bool))


def goals(values: Values, tolerance: float, scale: float, dtype: Any) -> Values:
    """Return the residuals that count as converged: below the rounding of a product nothing can be seen."""
    return np.maximum(tolerance * np.abs(values), 10 * float(jnp.finfo(dtype).eps) * scale)


def leaders(values: Values, key: Key, k: int) -> Values:
    """Return where the k leading values are, conjugates with the positive imaginary part first."""
    return np.lexsort((-values.imag, -key(values)))[:k]


def complexified(product: Any) -> Any:
    """Return a linear map as one of complex vectors; a real map of real ones still takes one product."""

    def apply(vector: jax.Array) -> jax.Array:
        if not jnp.iscomplexobj(vector) or jnp.iscomplexobj(jax.eval_shape(product, vector.real)):
            return product(vector)
        turning = lambda: product(vector.imag)
        still = lambda: jnp.zeros_like(vector.real)
        return jax.lax.complex(product(vector.real), jax.lax.cond(jnp.any(vector.imag != 0), turning, still))

    return apply


@jax.jit
def _product(operator: Operator, vector: jax.Array) -> jax.Array:
    with exact_products():
        return operator()(vector)


@jax.jit
def _matrix(operator: Operator, like: jax.Array) -> jax.Array:
    with exact_products():
        return jax.lax.map(operator(), jnp.eye(like.size, dtype=like.dtype), batch_size=128).T


@jax.jit
def _residuals(operator: Operator, vectors: jax.Array, values: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the vectors, complex and of norm one, and their residuals."""
    with exact_products():
        product = complexified(operator())
        vectors = vectors.astype(jnp.result_type(vectors.dtype, jnp.complex64))
        vectors = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
        size = lambda pair: jnp.linalg.norm(product(pair[0]) - pair[1] * pair[0])
        return vectors, jax.lax.map(size, (vectors, values.astype(vectors.dtype)))
