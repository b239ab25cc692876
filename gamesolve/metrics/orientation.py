"""How often a map folds its space: the sign of its Jacobian determinant."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.metrics._pairs import points as as_points
from gamesolve.trees.faces import shown


@shown()
class Folds(NamedTuple):
    """Where a map preserves and where it reverses orientation.

    Attributes:
        orientation: sign of the Jacobian determinant at each point, shape (n,); 0 where the map is singular.
        flipped: share of the points with the rarer orientation, from 0 (no folds seen) to 1/2; singular points count
            for neither.
        changes: number of changes of orientation from one point to the next, singular points left out. On sorted
            numbers this is the number of folds between them.
    """

    orientation: jax.Array
    flipped: jax.Array
    changes: jax.Array


def folds(transform: Callable[[jax.Array], jax.Array], points: ArrayLike) -> Folds:
    """Measure how a map folds its space, from the sign of its Jacobian determinant at points.

    A one-to-one smooth map has one orientation everywhere. A generator whose latents and samples have the same
    dimension, and which maps some latents with the other orientation, sends several latents to the same sample.

    Args:
        transform: maps points of shape (m, d) to points of shape (m, d), each row on its own.
        points: points at which to look, shape (n, d).

    Returns:
        The `Folds`.

    Raises:
        ValueError: if the map changes the dimension.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> found = gs.metrics.folds(jnp.sin, jnp.linspace(-3, 3, 101)[:, None])  # sin folds at -pi/2 and pi/2
        >>> int(found.changes), round(float(found.flipped), 2)
        (2, 0.48)
    """
    points = as_points("points", points)

    def one(point: jax.Array) -> jax.Array:
        return transform(point[None])[0]

    made = jax.eval_shape(one, points[0])
    if made.shape != points.shape[1:]:
        raise ValueError(
            f"transform must keep the dimension, got points of shape {points.shape[1:]} mapped to shape {made.shape}. "
            "Use a generator with as many latents as outputs."
        )
    return _signed(jnp.linalg.slogdet(jax.vmap(jax.jacfwd(one))(points)).sign)


def _signed(orientation: jax.Array) -> Folds:
    size = len(orientation)
    rarer = jnp.minimum(jnp.sum(orientation > 0), jnp.sum(orientation < 0))
    # The last orientation other than 0 up to each point.
    places = jax.lax.cummax(jnp.where(orientation == 0, -1, jnp.arange(size)))
    last = jnp.where(places < 0, 0, orientation[places])
    return Folds(orientation, rarer / size, jnp.sum(last[1:] * last[:-1] < 0))
