"""Samplers of synthetic data."""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from gamesolve.trees.faces import shown


@shown()
@functools.partial(jax.tree_util.register_dataclass, data_fields=["centres", "scale"], meta_fields=["batch_size"])
@dataclasses.dataclass(frozen=True)
class Clusters:
    """A sampler of isotropic normal clusters, all equally likely.

    Attributes:
        centres: centres of the clusters, of shape (k, d).
        scale: standard deviation of each cluster.
        batch_size: number of examples per batch.
    """

    centres: jax.Array
    scale: jax.Array
    batch_size: int

    @jax.jit
    def __call__(self, key: jax.Array) -> jax.Array:
        """Return examples of shape (batch_size, d)."""
        which, around = jax.random.split(key)
        rows = jax.random.randint(which, (self.batch_size,), 0, len(self.centres))
        centres = self.centres[rows]
        return centres + self.scale * jax.random.normal(around, centres.shape, centres.dtype)


@shown()
@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Circle:
    """A sampler of ``u = z / ||z|| + z / 10`` for normal z in the plane.

    Attributes:
        batch_size: number of examples per batch.
    """

    batch_size: int

    @jax.jit
    def __call__(self, key: jax.Array) -> jax.Array:
        """Return examples of shape (batch_size, 2)."""
        latent = jax.random.normal(key, (self.batch_size, 2))
        return latent / jnp.linalg.norm(latent, axis=1, keepdims=True) + latent / 10
