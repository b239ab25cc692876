"""How far a dense Jacobian can be trusted: the error of its entries, and what follows for its eigenvalues.

Fixed thresholds, such as a fraction of the largest singular value, would call the slow modes of a stiff game zero. Here
every entry has its own error: its rounding, and how much it changes when the point moves by as little as it is known.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.driving.unoptimised import jit_either
from gamesolve.game import Game, exact_products
from gamesolve.linear.dense import dense_derivative, flattened
from gamesolve.trees import Players

# Rounding errors of an entry, in units of the precision. A computed derivative is the result of several operations.
ROUNDING = 4
# Points, rounded another way, at which a Jacobian is computed again.
ROUNDED = 3


class Measured(NamedTuple):
    """A matrix and the error of each of its entries."""

    matrix: jax.Array
    error: jax.Array


def rounded(matrix: jax.Array) -> Measured:
    """Return a matrix whose entries have no error except rounding."""
    return Measured(matrix, ROUNDING * jnp.finfo(matrix.dtype).eps * jnp.abs(matrix))


def measured(function: Callable[[jax.Array], jax.Array], point: jax.Array, away: jax.Array) -> Measured:
    """Return the Jacobian of a function of one vector at a point, with its error.

    The Jacobian is computed again where every entry of the point is rounded to a neighbour, and at the distance of the
    point from what it stands for. It changes there by its error: a set of equilibria is curved, and at a rounded point
    of it the Jacobian is not quite singular.

    Args:
        function: function from vectors to vectors of the same length.
        point: where to differentiate.
        away: vector from the point to what it stands for; zero if it is exact.
    """
    matrix, error = rounded(dense_derivative(function, point))
    signs = np.random.default_rng(0).choice((-1, 1), (ROUNDED, point.size))
    signs[0] = 1
    neighbours = point * (1 + 2 * jnp.finfo(point.dtype).eps * jnp.asarray(signs, point.dtype))
    change = lambda at: jnp.abs(dense_derivative(function, at) - matrix)
    changes = jax.lax.map(change, jnp.concatenate([neighbours, (point + away)[None]]))
    return Measured(matrix, error + 2 * jnp.max(changes, axis=0))


@jit_either
def measured_jacobian(game: Game, players: Players) -> Measured:
    """Return J with its error; a point that is nearly an equilibrium stands for it, a Newton step away."""
    field, flat = flattened(game.field, players)
    J, error = rounded(dense_derivative(field, flat))
    step = -newton_step(J, error, field(flat))
    close = jnp.sqrt(jnp.finfo(flat.dtype).eps) * (1 + jnp.linalg.norm(flat))
    return measured(field, flat, jnp.where(jnp.linalg.norm(step) <= close, step, 0))


def whitened(matrix: jax.Array, error: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a matrix in units of the error of each of its rows, and these units. Its null space is the same."""
    unit = jnp.sqrt(jnp.asarray(matrix.shape[1], matrix.dtype)) * jnp.linalg.norm(error, axis=1)
    unit = jnp.where(unit > 0, unit, 1)
    return matrix / unit[:, None], unit


def directions(matrix: jax.Array, error: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return orthonormal directions, as columns, and how far the matrix moves each of them in units of its error.

    Directions moved by at most 1 are its null space, as far as this precision can tell.
    """
    with exact_products():
        _, moved, rows = jnp.linalg.svd(whitened(matrix, error)[0], full_matrices=False)
    return rows.T, moved


def newton_step(J: jax.Array, error: jax.Array, value: jax.Array) -> jax.Array:
    """Return the shortest solution of ``J t = value``, in the directions that J determines to half of the digits."""
    rows, unit = whitened(J, error)
    with exact_products():
        return jnp.linalg.lstsq(rows, value / unit, rcond=float(np.sqrt(jnp.finfo(J.dtype).eps)))[0]


def eigenvalues_with_error(matrix: jax.Array, error: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the eigenvalues of a square matrix and an error of each of them.

    To first order, an eigenvalue with left and right eigenvectors y and x changes by ``y E x`` with the matrix. Where
    the eigenvectors of a defective matrix coincide, the bound of Elsner holds: the n-th root of a relative error.

    Reference:
        Elsner, "An optimal bound for the spectral variation of two matrices", Linear Algebra Appl. 1985
    """
    values, right = jnp.linalg.eig(matrix)
    with exact_products():
        left = jnp.abs(jnp.linalg.inv(right))
        first_order = jnp.sum(left.T * (error @ jnp.abs(right)), axis=0)
        size, change = 2 * jnp.linalg.norm(matrix), jnp.linalg.norm(error)
    relative = change / jnp.where(size > 0, size, 1)
    elsner = (size + change) * relative ** (1 / len(matrix))
    return values, jnp.where(first_order < elsner, first_order, elsner)


def is_negative_definite(matrix: jax.Array, error: jax.Array) -> jax.Array:
    """Return whether a symmetric matrix is negative definite beyond its error.

    The signs of its eigenvalues do not change when rows and columns are scaled alike, here to a diagonal of -1.
    """
    diagonal = jnp.diagonal(matrix)
    scale = 1 / jnp.sqrt(jnp.where(diagonal < 0, -diagonal, 1))
    scale = scale[:, None] * scale
    return jnp.all(diagonal < 0) & (largest_eigenvalue(scale * matrix) + jnp.linalg.norm(scale * error) < 0)


def largest_eigenvalue(matrix: jax.Array) -> jax.Array:
    """Return the largest eigenvalue of a symmetric matrix; NaN if the matrix is not finite."""
    return jnp.linalg.eigvalsh(matrix)[-1]
