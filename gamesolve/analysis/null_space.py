"""Directions in which the equilibria of a game form a set, and the spectral radius that a step map has without them."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.accuracy import Measured, directions, measured
from gamesolve.driving.unoptimised import jit_either
from gamesolve.game import exact_products
from gamesolve.trees import DType, Scalar

# A direction that is moved by more than this many times its error is moved for certain.
CLEAR = 10
# A mode this slow, relative to the fastest, would show only after more steps than a run takes.
NEVER = 1e-10


class Doubts(NamedTuple):
    """What this precision can't decide.

    Attributes:
        kept: smallest multiple of its error by which a direction is moved that does not count as one of equilibria.
        left_out: speed of the directions of equilibria, relative to J; zero if J does not move them at all.
    """

    kept: jax.Array
    left_out: jax.Array


class Fixed(NamedTuple):
    """Directions of equilibria, as the step map at one of them sees them.

    Attributes:
        vectors: vectors that the step map leaves as they are, as columns: directions of players with the state that
            follows them; zeros for all other directions.
        along: directions of players, as columns, with which ``M - vectors along^T`` has eigenvalue 0 instead of the
            eigenvalues 1 of these directions, and all other eigenvalues of the step map's derivative M.
        doubts: what was not decided.
        still: number of parameters that the step map holds fixed, see `without_still`.
    """

    vectors: jax.Array
    along: jax.Array
    doubts: Doubts
    still: Scalar


def fixed_directions(
    carry: Callable[[jax.Array], tuple[jax.Array, jax.Array]], size: int, jacobian: Measured, still: Scalar
) -> Fixed:
    """Find the directions in which the equilibria form a set.

    Neither the field nor the step moves such a direction: not J, and not the step map, if the state follows the
    players. Both are decided to the error of each row, so that no slow mode of a stiff game counts as one.

    Args:
        carry: the function `carried` of the step map, of directions alone.
        size: number of entries of the step map's vector, which begins with the players.
        jacobian: J at the players, with its error.
        still: number of parameters that the step map holds fixed.
    """
    null, moved, singular = _null_space(jacobian)
    none = lambda: (np.zeros((size, len(null)), null.dtype), np.full(moved.shape, jnp.finfo(moved.dtype).max))
    if isinstance(singular, jax.core.Tracer):
        vectors, stepped = jax.lax.cond(singular, lambda: carry(null), none)
    else:  # most games have no such directions, and the step is not compiled for them
        vectors, stepped = carry(null) if singular else none()
    return _fixed(jacobian, null, moved, vectors, stepped, still)


@jit_either
def _null_space(jacobian: Measured) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the directions that J does not move, as columns among zeros, how far it moves each, and if any."""
    basis, moved = directions(*jacobian)
    return basis * (moved <= 1), moved, jnp.any(moved <= 1)


@jit_either
def _fixed(
    jacobian: Measured, null: jax.Array, moved: jax.Array, vectors: jax.Array, stepped: jax.Array, still: Scalar
) -> Fixed:
    along = jnp.pad(null, ((0, len(vectors) - len(null)), (0, 0)))
    with exact_products():
        left_out = null @ null.T @ vectors[: len(null)]
    return Fixed(vectors, along, _doubts(jacobian, left_out, jnp.concatenate([moved, stepped])), still)


def _doubts(jacobian: Measured, left_out: jax.Array, moved: jax.Array) -> Doubts:
    with exact_products():
        speed = jnp.linalg.norm(jacobian.matrix @ left_out) / _nonzero(jnp.linalg.norm(jacobian.matrix))
    return Doubts(jnp.min(jnp.where(moved > 1, moved, jnp.finfo(moved.dtype).max)), speed)


@jax.jit
def doubts_of(jacobian: Measured) -> Doubts:
    """Return what J alone leaves undecided, for every solver."""
    null, moved, _ = _null_space(jacobian)
    return _doubts(jacobian, null, moved)


def carried(
    function: Callable[[jax.Array], jax.Array], point: jax.Array, null: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the vectors over some directions of players that a step map does not move, and how far it moves each."""
    matrix, error = measured(function, point, jnp.zeros_like(point))
    size = len(null)
    with exact_products():
        change = matrix - jnp.eye(point.size, dtype=point.dtype)
        state = jnp.linalg.lstsq(change[:, size:], -change[:, :size] @ null)[0]
        vectors = jnp.concatenate([null, state])
        # The combinations of the directions that the step does not move; the solver may move the others.
        error = jnp.max(error @ jnp.abs(vectors), axis=1, keepdims=True)
        rotation, moved = directions(change @ vectors, jnp.broadcast_to(error, vectors.shape) / jnp.sqrt(size))
        return vectors @ (rotation * (moved <= 1)) @ rotation.T, moved


@jax.custom_jvp
def radius_without(matrix: jax.Array, vectors: jax.Array, along: jax.Array) -> jax.Array:
    """Return the spectral radius of a matrix without the eigenvalues 1 of `Fixed` directions."""
    return jnp.max(jnp.abs(eigenvalues_without(matrix, vectors, along)))


def eigenvalues_without(matrix: jax.Array, vectors: jax.Array, along: jax.Array) -> jax.Array:
    """Return the eigenvalues of a matrix, with 0 in place of the eigenvalues 1 of `Fixed` directions."""
    with exact_products():
        return jnp.linalg.eigvals(matrix - vectors @ along.T)


@radius_without.defjvp
def _radius_jvp(primals: tuple[jax.Array, ...], tangents: tuple[jax.Array, ...]) -> tuple[jax.Array, jax.Array]:
    """Differentiate the largest eigenvalue by its vectors of the whole matrix, of which the set may turn."""
    matrix, vectors, along = primals
    with exact_products():
        values, right = jnp.linalg.eig(matrix - vectors @ along.T)
        first = jnp.argmax(jnp.abs(values))
        value, left = values[first], jnp.linalg.inv(right)[first]
        whole = right[:, first] + vectors @ ((along.T @ right[:, first]) / _nonzero(value - 1))
        change = left @ (tangents[0] @ whole)
    radius = jnp.abs(value)
    return radius, jnp.real(jnp.conj(value) * change) / _nonzero(radius)


def say_doubts(doubts: Doubts, dtype: DType, stacklevel: int = 3) -> None:
    """Warn if this precision can't tell a slow mode from a direction of equilibria. Traced values say nothing."""
    if isinstance(doubts.left_out, jax.core.Tracer):
        return
    speed, multiple = float(doubts.left_out), float(doubts.kept)
    advice = f"from a direction of equilibria in {jnp.dtype(dtype).name}. Use float64, or more accurate players."
    if speed > NEVER:
        sentence = f"the rate leaves out a direction that J moves by {speed:.1g} of its norm, its rounding error"
        warnings.warn(f"{sentence}; a mode as slow as that can't be told {advice}", stacklevel=stacklevel + 1)
    if multiple <= CLEAR:
        sentence = f"the rate includes a direction that is moved by {multiple:.1f} times the rounding error"
        warnings.warn(f"{sentence}; a mode as slow as that can't be told {advice}", stacklevel=stacklevel + 1)


def _nonzero(value: jax.Array) -> jax.Array:
    """Return a value, or one in place of zero."""
    return jnp.where(value == 0, 1, value)
