"""Dense Jacobians of functions of one vector, a block of columns at a time."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.game import exact_products

# A dense matrix above this many bytes is refused.
LARGEST_MATRIX = 2 * 2**30
# Columns that are taken together: more of them are hardly faster and hold their activations all at once.
COLUMNS = 128


def dense_derivative(function: Callable[[jax.Array], Any], point: jax.Array) -> jax.Array:
    """Return the Jacobian of a function of one vector, by forward products.

    Args:
        function: from vectors to vectors of the same length.
        point: where to differentiate.

    Raises:
        ValueError: if the matrix would take more than 2 GiB.
    """
    check_size(point)
    with exact_products():
        _, product = jax.linearize(function, point)
        rows = jax.lax.map(product, jnp.eye(point.size, dtype=point.dtype), batch_size=COLUMNS)
    return rows.T


def check_size(point: jax.Array) -> None:
    """Raise if a square matrix for this vector would be too large, and say what to do instead."""
    size = point.size * point.size * point.dtype.itemsize
    if size > LARGEST_MATRIX:
        raise ValueError(
            f"a dense matrix of {point.size} x {point.size} takes {math.ceil(size / 2**30)} GiB, more than the "
            f"{LARGEST_MATRIX // 2**30} GiB that the dense way allows; ask for the leading eigenvalues without a "
            "matrix, with k=, or look at fewer parameters."
        )
