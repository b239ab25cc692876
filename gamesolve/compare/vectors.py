"""Players as one vector."""

import jax
import jax.flatten_util
import jax.numpy as jnp

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
