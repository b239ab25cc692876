"""Choose the plane in which paths are drawn: the two parameters, J's slowest plane, or two coordinates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.compare.vectors import ravel
from gamesolve.game import Players


class Plane(NamedTuple):
    """The plane in which paths are drawn; a pytree.

    Attributes:
        anchor: a point of the plane, all players ravelled, shape (n,).
        origin: the point that has coordinates (0, 0).
        directions: two orthonormal directions, or a row of zeros if there is only one parameter; shape (2, n).
    """

    anchor: jax.Array
    origin: jax.Array
    directions: jax.Array

    def project(self, flat: jax.Array) -> jax.Array:
        """Return the two coordinates of a point's projection."""
        return self.directions @ (flat - self.origin)

    def lift(self, point: jax.Array) -> jax.Array:
        """Return the point of the plane with these coordinates."""
        return self.anchor + self.directions.T @ (point - self.project(self.anchor))


def choose_plane(
    start: Players, equilibrium: jax.Array | None, matrix: np.ndarray | None
) -> tuple[Plane, tuple[str, str], str]:
    """Choose the plane of a figure.

    Args:
        start: the point at which the paths start.
        equilibrium: the point at which they should end, ravelled, if it is known.
        matrix: J at that point.

    Returns:
        The plane, the labels of its two axes, and its description.
    """
    flat = ravel(start)
    anchor = flat if equilibrium is None else equilibrium
    if flat.size > 2 and equilibrium is not None and matrix is not None:
        basis, mode = _slowest(matrix)
        axes = ("first axis of that plane", "second axis")
        return Plane(anchor, anchor, jnp.asarray(basis, flat.dtype)), axes, f"plane of J's slowest mode, {mode}"
    directions, axes = _coordinates([ravel(player).size for player in start])
    view = "both parameters" if flat.size == 2 else "first entries"
    return Plane(anchor, jnp.zeros_like(flat), jnp.asarray(directions, flat.dtype)), axes, view


def _slowest(matrix: np.ndarray) -> tuple[np.ndarray, str]:
    """Return an orthonormal basis of the plane that decays slowest; of several, the one that rotates slowest."""
    decomposition: Any = np.linalg.eig(matrix)  # whose stubs hide that it unpacks
    values, vectors = decomposition
    scale = np.abs(values).max() or 1.0
    order = np.lexsort((-values.imag, np.abs(values.imag), -np.round(values.real / scale, 4)))
    value, first = values[order[0]], vectors[:, order[0]]
    turning = abs(value.imag) > 1e-6 * scale
    second = first.imag if turning else vectors[:, order[1]].real
    basis, _ = np.linalg.qr(np.stack([first.real, second], axis=1))
    return basis.T, f"{value.real + 0.0:.3f} ± {abs(value.imag):.3f}i" if turning else f"{value.real + 0.0:.3f}"


def _coordinates(sizes: list[int]) -> tuple[np.ndarray, tuple[str, str]]:
    """Return the first entry of each of two players, or the first two entries of a single one, and their names."""
    directions = np.zeros((2, sum(sizes)))
    for row, column in enumerate([0, sizes[0] if len(sizes) > 1 else 1]):
        if column < sum(sizes):
            directions[row, column] = 1
    names = [
        f"player {min(row, len(sizes) - 1)}" if size == 1 else f"player {min(row, len(sizes) - 1)}, entry {column}"
        for row, (size, column) in enumerate(zip((sizes * 2)[:2], (0, 0) if len(sizes) > 1 else (0, 1), strict=True))
    ]
    return directions, (names[0], names[1])
