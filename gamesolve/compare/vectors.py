"""Players as one vector."""

from collections.abc import Sequence

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.trees import PyTree


@jax.jit
def ravel(players: PyTree) -> jax.Array:
    """Return all entries in order, shape (n,)."""
    return jax.flatten_util.ravel_pytree(players)[0]


@jax.jit
def length(vector: jax.Array) -> jax.Array:
    """Return the Euclidean norm; unlike a plain sum of squares it overflows only if the result does."""
    largest = jnp.max(jnp.abs(vector))
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    return scale * jnp.linalg.norm(vector / scale)


def nearest(points: Sequence[PyTree], place: PyTree) -> PyTree:
    """Return the point nearest to a place. It is found in NumPy, so that nothing is compiled."""
    flat = np.asarray(ravel(place), float)

    def distance(point: PyTree) -> float:
        apart = np.abs(np.asarray(ravel(point), float) - flat)
        largest = apart.max() or 1.0  # squares would overflow before the distance does
        return float(largest * np.linalg.norm(apart / largest))

    return min(points, key=distance)
