"""Bound both ends of the spectrum of a symmetric map by a Lanczos run, from outside with a stated confidence.

The run is the three-term recurrence, which stores three vectors however long it is. Rounding makes its vectors lose
their orthogonality. That only repeats eigenvalues that it has found already.
"""

import math
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from gamesolve.game import exact_products
from gamesolve.linear.eigenpairs import Operator, matrix_of
from gamesolve.trees import Key, Scalar, norm
from gamesolve.trees.faces import shown

# The count of steps, the last two vectors and the length of the next one, both diagonals, and the sum.
Carry: TypeAlias = tuple[jax.Array, ...]


@shown()
class Extremes(NamedTuple):
    """Both ends of the spectrum of a symmetric map, from a random start.

    Attributes:
        smallest: smallest Ritz value; the smallest eigenvalue is at most this, up to the rounding.
        largest: largest Ritz value; if it is positive, the true Rayleigh quotient of its vector. The largest eigenvalue
            is at least this, up to the rounding.
        bound: the largest eigenvalue is at most this, with the confidence of the search. It includes the rounding.
        rounding: error of a Rayleigh quotient, taken as ten rounding errors of the largest modulus.
    """

    smallest: float
    largest: float
    bound: float
    rounding: float


def extremes(operator: Operator, like: jax.Array, key: Key, steps: int, failure: float) -> Extremes:
    """Search both ends of the spectrum of a symmetric map by Lanczos steps from a random start.

    Let e and E be the smallest and the largest eigenvalue. After k steps the largest Ritz value is below
    ``E - r (E - e)`` with probability at most ``1.648 sqrt(n) exp(-(2k - 1) sqrt(r))``, and likewise at the other end.
    A step costs one product, so if there are at most as many parameters as steps, the whole matrix is computed instead
    and its eigenvalues are bounds.

    Args:
        operator: the map.
        like: any vector of its size and type.
        key: typed random key for the start.
        steps: number of products; twice as many if the largest Ritz value is positive.
        failure: probability with which the bound may fail.

    Returns:
        The `Extremes`; all NaN if the map is not finite.

    Reference:
        Kuczynski, Wozniakowski, "Estimating the Largest Eigenvalue by the Power and Lanczos Algorithms with a Random
        Start", SIAM J. Matrix Anal. Appl. 1992; the recurrence with rounding: Greenbaum, "Behavior of Slightly
        Perturbed Lanczos and Conjugate-Gradient Recurrences", Linear Algebra Appl. 1989
    """
    unit = 10 * float(jnp.finfo(like.dtype).eps)
    if like.size <= steps:
        return _of_matrix(np.asarray(matrix_of(operator, like), float), unit)
    start = jax.random.normal(key, like.shape, like.dtype)
    count, diagonal, beside, _ = _recurrence(operator, start, jnp.zeros(steps, like.dtype))
    taken = int(count)
    diagonal, beside = (np.asarray(part, float)[:taken] for part in (diagonal, beside))
    if not (np.all(np.isfinite(diagonal)) and np.all(np.isfinite(beside))):
        return Extremes(*[math.nan] * 4)
    values, vectors = scipy.linalg.eigh_tridiagonal(diagonal, beside[:-1])
    smallest, largest = float(values[0]), float(values[-1])
    # A run that ends early has reached an invariant space, and more steps would have changed nothing.
    share = (math.log(2 * 1.648 * math.sqrt(like.size) / failure) / (2 * steps - 1)) ** 2
    spread = (largest - smallest) / (1 - 2 * share) if share < 0.5 else math.inf
    rounding = unit * max(abs(smallest), abs(largest))
    bound = largest + share * spread + rounding
    if largest > 0:
        weights = np.pad(vectors[:, -1], (0, steps - taken))
        vector = _recurrence(operator, start, jnp.asarray(weights, like.dtype))[-1]
        largest = float(_quotient(operator, vector))
    return Extremes(smallest, largest, bound, rounding)


def _of_matrix(matrix: np.ndarray, unit: float) -> Extremes:
    if not np.all(np.isfinite(matrix)):
        return Extremes(*[math.nan] * 4)
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    rounding = unit * float(np.max(np.abs(values)))
    return Extremes(float(values[0]), float(values[-1]), float(values[-1]) + rounding, rounding)


@jax.jit
def _recurrence(
    operator: Operator, start: jax.Array, weights: jax.Array
) -> tuple[Scalar, jax.Array, jax.Array, jax.Array]:
    """Return the number of steps, both diagonals of the projected map, and the weighted sum of the Lanczos vectors.

    The sum costs another run, once the weights are known, because the vectors are not stored.
    """
    steps, eps = len(weights), jnp.finfo(start.dtype).eps

    def unfinished(carry: Carry) -> jax.Array:
        j, _, _, length, *_ = carry
        return (j < steps) & (length != 0)

    def advance(carry: Carry) -> Carry:
        j, before, vector, length, diagonal, beside, total = carry
        image = product(vector)
        size = norm(image)
        # The order of Paige: the old vector is subtracted first.
        image = image - length * before * (j > 0)
        quotient = jnp.vdot(vector, image)
        image = image - quotient * vector
        length = norm(image)
        length = jnp.where(length <= 10 * eps * size, 0, length)
        following = image / jnp.where(length > 0, length, 1)
        total = total + weights[j] * vector
        return j + 1, vector, following, length, diagonal.at[j].set(quotient), beside.at[j].set(length), total

    with exact_products():
        product = operator()
        nothing, zeros = jnp.zeros(steps, start.dtype), jnp.zeros_like(start)
        length = norm(start)
        first = jnp.zeros((), jnp.int32), zeros, start / length, jnp.ones_like(length), nothing, nothing, zeros
        count, _, _, _, diagonal, beside, total = jax.lax.while_loop(unfinished, advance, first)
    return count, diagonal, beside, total


@jax.jit
def _quotient(operator: Operator, vector: jax.Array) -> jax.Array:
    """Return the Rayleigh quotient of a vector."""
    with exact_products():
        unit = vector / norm(vector)
        return jnp.vdot(unit, operator()(unit))
