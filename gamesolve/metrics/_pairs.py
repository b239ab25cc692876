"""Squared distances between all pairs of points, and the checks of samples that all measures share."""

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike


def points(name: str, samples: ArrayLike) -> jax.Array:
    """Return samples as floating points of shape (n, d)."""
    array = jnp.asarray(samples)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name} must have shape (n, d), one row per sample, got shape {array.shape}. "
            f"Reshape images with x.reshape(len(x), -1)."
        )
    return array.astype(jnp.result_type(array, jnp.float32))


def two_sets(first: tuple[str, ArrayLike], second: tuple[str, ArrayLike]) -> tuple[jax.Array, jax.Array]:
    """Return two named sets of points of equal dimension."""
    (name, x), (other, y) = ((name, points(name, samples)) for name, samples in (first, second))
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name} and {other} must have points of equal dimension, got shapes {x.shape} and {y.shape}.")
    return x, y


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the squared Euclidean distances, shape (n, m), without an array of all differences."""
    # Far from the origin the squares would cancel. Distances do not depend on the origin, so move it.
    middle = jnp.mean(y, axis=0)
    x, y = x - middle, y - middle
    products = jnp.matmul(x, y.T, precision="highest")
    return jnp.maximum(jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1) - 2 * products, 0)
