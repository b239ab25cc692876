"""Squared distances between all pairs of points, and what every measure asks of its samples."""

from typing import Any

import jax
import jax.numpy as jnp


def points(name: str, samples: Any) -> jax.Array:
    """Return samples as floating points of shape (n, d)."""
    samples = jnp.asarray(samples)
    if samples.ndim != 2 or not samples.size:
        raise ValueError(
            f"{name} has shape {samples.shape}; give one row a sample, (n, d), such as x.reshape(len(x), -1)."
        )
    return samples.astype(jnp.result_type(samples, jnp.float32))


def two_sets(first: tuple[str, Any], second: tuple[str, Any]) -> tuple[jax.Array, jax.Array]:
    """Return two named sets of points of one dimension."""
    (name, x), (other, y) = ((name, points(name, samples)) for name, samples in (first, second))
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"{name} has shape {x.shape}, {other} {y.shape}; the points must have one dimension.")
    return x, y


def squared_distances(x: jax.Array, y: jax.Array) -> jax.Array:
    """Return the squared Euclidean distances, shape (n, m), without an array of all differences."""
    # Far from the origin the squares would cancel; distances do not depend on where the origin is.
    middle = jnp.mean(y, axis=0)
    x, y = x - middle, y - middle
    products = jnp.matmul(x, y.T, precision="highest")
    return jnp.maximum(jnp.sum(x**2, axis=1)[:, None] + jnp.sum(y**2, axis=1) - 2 * products, 0)
