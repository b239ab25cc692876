"""Counting the zeros of a planar field from its values on a grid."""

from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Zeros(NamedTuple):
    """Saddles, cells round which the field turns once backwards; others, nodes and foci, where it turns forwards."""

    saddles: jax.Array
    others: jax.Array


def zeros_on_grid(field: Any) -> Zeros:
    """Count the zeros of a field in the plane by how often it turns round the cells of a grid.

    A zero whose neighbour of the other kind lies in the same cell goes uncounted with it.

    Args:
        field: its values, shape (m, n, 2), the first axis along the first coordinate: for instance the ``motion`` of
            `gamesolve.analysis.slice_field`.

    Returns:
        The `Zeros`, two integers.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> x, y = jnp.meshgrid(jnp.linspace(-1, 1, 8), jnp.linspace(-1, 1, 8), indexing="ij")
        >>> [int(number) for number in gan.zeros_on_grid(jnp.stack([x, -y], axis=-1))]
        [1, 0]
    """
    angle = jnp.arctan2(field[..., 1], field[..., 0])
    corners = [angle[:-1, :-1], angle[1:, :-1], angle[1:, 1:], angle[:-1, 1:], angle[:-1, :-1]]
    turns = [_wrapped(after - before) for before, after in pairwise(corners)]
    windings = jnp.rint(sum(turns[1:], start=turns[0]) / (2 * jnp.pi))
    return Zeros(jnp.sum(windings == -1), jnp.sum(windings == 1))


def _wrapped(angle: jax.Array) -> jax.Array:
    return (angle + jnp.pi) % (2 * jnp.pi) - jnp.pi
