"""Counting the zeros of a planar field from its values on a grid."""

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.trees.faces import shown


@shown()
class Zeros(NamedTuple):
    """Numbers of zeros: saddles, with winding number -1, and others (nodes and foci), with winding number 1."""

    saddles: jax.Array
    others: jax.Array


def zeros_on_grid(field: jax.Array) -> Zeros:
    """Count the zeros of a field in the plane by its winding numbers around the cells of a grid.

    Two zeros of opposite kind in the same cell cancel and are not counted.

    Args:
        field: values of the field, shape (m, n, 2), with the first coordinate along the first axis; for example the
            ``motion`` of `gamesolve.analysis.slice_field`.

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
