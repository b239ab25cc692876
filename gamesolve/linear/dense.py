"""Functions of one vector and their dense Jacobians."""

import math
from collections.abc import Callable

import jax
import jax.flatten_util
import jax.numpy as jnp

from gamesolve.game import exact_products
from gamesolve.trees import PyTree

# Larger dense matrices, in bytes, are an error.
LARGEST_MATRIX = 2 * 2**30
# Columns computed together. More columns are hardly faster, and the activations of all of them are in memory at once.
COLUMNS = 128


def flattened(function: Callable[..., PyTree], tree: PyTree) -> tuple[Callable[[jax.Array], jax.Array], jax.Array]:
    """Return a function of one tree as a function of one vector, and the tree as a vector."""
    flat, unravel = jax.flatten_util.ravel_pytree(tree)
    return lambda vector: jax.flatten_util.ravel_pytree(function(unravel(vector)))[0], flat


def dense_derivative(function: Callable[[jax.Array], jax.Array], point: jax.Array) -> jax.Array:
    """Return the Jacobian of a function of one vector, computed in blocks of columns by forward mode.

    Args:
        function: function from vectors to vectors of the same length.
        point: where to differentiate.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.
    """
    check_size(point)
    with exact_products():
        _, product = jax.linearize(function, point)
        rows = jax.lax.map(product, jnp.eye(point.size, dtype=point.dtype), batch_size=COLUMNS)
    return rows.T


def check_size(
    point: jax.Array | jax.ShapeDtypeStruct, instead: str = "Pass k= to find leading eigenvalues without a matrix"
) -> None:
    """Raise if a square matrix for this vector would be too large; ``instead`` says what needs no matrix."""
    size = point.size * point.size * point.dtype.itemsize
    if size > LARGEST_MATRIX:
        raise ValueError(
            f"a dense matrix of {point.size} x {point.size} takes {math.ceil(size / 2**30)} GiB, more than the limit "
            f"of {LARGEST_MATRIX // 2**30} GiB. {instead}, or use fewer parameters."
        )
