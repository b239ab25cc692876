"""Find the eigenpair of J that speaks most against stability, with an error estimate that says when it is not valid."""

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.operators import field_operator, transposed_operator
from gamesolve.game import Game
from gamesolve.linear.arnoldi import leading_pairs
from gamesolve.linear.eigenpairs import Pairs, Values
from gamesolve.trees import Players

# Number of leading eigenvalues of J to find: enough for a conjugate pair and its neighbours.
LEADING = 4
# A first-order error is used only up to this fraction of the distance at which second-order terms matter.
SECOND_ORDER = 0.1


class Leading(NamedTuple):
    """A leading eigenpair of J, which decides stability if S is not negative definite.

    Attributes:
        value: the Ritz value with the largest lead of its real part over its error, or the largest real part.
        residual: backward error: J differs by a matrix of this spectral norm from one with this eigenvalue.
        error: estimated distance of the value from an eigenvalue of J: the residual divided by the cosine between the
            left and the right eigenvector. Infinite if this estimate is not valid: if the residual is not near
            rounding, if second-order terms may matter, as for a J far from normal, or if no left eigenvector was
            needed or found.
    """

    value: complex
    residual: float
    error: float


def leading_pair(game: Game, players: Players, steps: int, scale: float) -> Leading:
    """Return the eigenpair of J that speaks most against stability.

    Args:
        game: the game, bound to its data.
        players: the point.
        steps: number of products with J, and with its transpose if a left eigenvector is needed.
        scale: a lower bound on the spectral norm of J.
    """
    like = jax.flatten_util.ravel_pytree(players)[0]
    search = partial(leading_pairs, like=like, k=min(LEADING, like.size), which=("LR",), max_products=steps)
    right = search(jax.tree_util.Partial(field_operator, game, players))
    values, residuals = np.asarray(right.eigenvalues), np.asarray(right.residuals)
    errors = np.full(len(values), math.inf)
    parts = np.real(values)
    if np.any(parts > residuals):  # an error is never below the residual, so no other value can refute
        left = search(jax.tree_util.Partial(transposed_operator, game, players))
        errors = _errors(right, left, max(scale, float(np.max(np.abs(values)))))
    beyond = np.where(parts > errors, parts - errors, -math.inf)
    best = int(np.argmax(beyond if np.any(parts > errors) else parts))
    return Leading(complex(values[best]), float(residuals[best]), float(errors[best]))


def _errors(right: Pairs, left: Pairs, scale: float) -> Values:
    """Return the first-order error of each eigenvalue, or infinity if first order does not suffice."""
    values = np.asarray(right.eigenvalues)
    # Rows x and y with J x = l x and y^T J = l y^T, so that the product has no conjugate.
    cosines = np.abs(np.asarray(jnp.matmul(left.vectors, right.vectors.T, precision="highest")))
    near = np.abs(np.asarray(left.eigenvalues)[:, None] - values)
    partner = np.argmin(near, axis=0)
    cosine = cosines[partner, np.arange(len(values))]
    residual = np.maximum(np.asarray(right.residuals), np.asarray(left.residuals)[partner])
    inexact = residual + near.min(axis=0)
    small = math.sqrt(jnp.finfo(right.vectors.dtype).eps) * scale
    # The Ritz values of a Jordan block are far from its eigenvalue, and their cosines are as small as their residuals.
    valid = (residual <= small) & (inexact < SECOND_ORDER * cosine**2 * _gaps(values, small))
    return np.where(valid, inexact / np.where(valid, cosine, 1), math.inf)


def _gaps(values: Values, same: float) -> Values:
    """Return the distance of each value to the next one that is not a copy of it, at most its distance to the axis."""
    distances = np.abs(values[:, None] - np.concatenate([values, values.conj()]))
    nearest = np.min(np.where(distances > same, distances, math.inf), axis=1)
    return np.minimum(nearest, np.abs(np.real(values)))
