"""The Helmholtz decomposition of a planar field into a gradient, a rotational and a harmonic part.

On a rectangle every field is ``grad phi + rot psi + h`` with ``rot psi = (d psi/db, -d psi/da)``. Both potentials, phi
and psi, are zero on the boundary. Then the three parts are orthogonal to each other: a field without curl has no
rotational part, a field without divergence has no gradient part, and the harmonic remainder h has neither curl nor
divergence. The potentials are sine series, that is, smooth functions that can be evaluated between grid points too.
"""

import math
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from gamesolve.analysis.landscape import Slice
from gamesolve.game import Game, exact_products, general_sum
from gamesolve.trees.faces import shown

# Lower and upper end.
Interval: TypeAlias = tuple[jax.Array, jax.Array]


@shown()
class Helmholtz(NamedTuple):
    """The parts of a planar field on its grid; ``gradient + rotational + harmonic`` is the field.

    Attributes:
        a: positions along the first direction, shape (num_a,).
        b: positions along the second direction, shape (num_b,).
        gradient: ``grad phi``, shape (num_a, num_b, 2).
        rotational: ``rot psi``, shape (num_a, num_b, 2).
        harmonic: the remainder h, shape (num_a, num_b, 2).
        potential: phi on the grid, shape (num_a, num_b).
        stream: psi on the grid, shape (num_a, num_b).
        coefficients: coefficients of the sine series of phi, shape (num_a - 2, num_b - 2).
    """

    a: jax.Array
    b: jax.Array
    gradient: jax.Array
    rotational: jax.Array
    harmonic: jax.Array
    potential: jax.Array
    stream: jax.Array
    coefficients: jax.Array


def helmholtz(field: Slice) -> Helmholtz:
    """Split a planar field into its gradient, rotational and harmonic parts.

    Args:
        field: result of `slice_field`, with at least three positions along each direction. Its ``motion`` is split;
            the component out of the plane is ignored. The error decreases as the square of the grid spacing.

    Returns:
        The `Helmholtz` decomposition.

    Raises:
        ValueError: if the grid has fewer than three positions along a direction.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> origin = (0.0, 0.0)
        >>> split = gs.analysis.helmholtz(gs.analysis.slice_field(gs.games.curl(), origin))
        >>> float(jnp.max(jnp.abs(split.gradient))) < 1e-5, float(jnp.max(jnp.abs(split.rotational))) > 1
        (True, True)

    Reference:
        Bhatia et al., "The Helmholtz-Hodge Decomposition - A Survey", IEEE TVCG 2013
    """
    a, b, motion = field.a, field.b, field.motion
    if min(a.size, b.size) < 3:
        raise ValueError(
            f"the grid must have at least 3 x 3 points, got {a.size} x {b.size} points. Raise num in slice_field."
        )
    return _split(a, b, motion)


@jax.jit
def _split(a: jax.Array, b: jax.Array, motion: jax.Array) -> Helmholtz:
    spacing = ((a[-1] - a[0]) / (a.size - 1), (b[-1] - b[0]) / (b.size - 1))

    def change(entry: int, axis: int) -> jax.Array:
        return jnp.asarray(jnp.gradient(motion[..., entry], spacing[axis], axis=axis))[1:-1, 1:-1]

    (sin_a, cos_a), (sin_b, cos_b) = _waves(a), _waves(b)
    square = cos_a[:, :1] ** 2 + cos_b[:, 0] ** 2  # the wave numbers

    def potential(laplacian: jax.Array) -> tuple[jax.Array, ...]:
        """Solve the Poisson equation; return coefficients, values and both derivatives."""
        values = sin_a[:, 1:-1] @ laplacian @ sin_b[:, 1:-1].T * (4 / ((a.size - 1) * (b.size - 1)))
        series = -values / square
        return series, sin_a.T @ series @ sin_b, cos_a.T @ series @ sin_b, sin_a.T @ series @ cos_b

    with exact_products():
        ascent, phi, phi_a, phi_b = potential(change(0, 0) + change(1, 1))
        _, psi, psi_a, psi_b = potential(change(0, 1) - change(1, 0))
    gradient, rotational = jnp.stack([phi_a, phi_b], -1), jnp.stack([psi_b, -psi_a], -1)
    return Helmholtz(a, b, gradient, rotational, motion - gradient - rotational, phi, psi, ascent)


def _waves(positions: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the sines that the grid resolves, zero at both ends, and their derivatives."""
    length = positions[-1] - positions[0]
    numbers = jnp.arange(1, positions.size - 1, dtype=positions.dtype)[:, None] * (math.pi / length)
    angles = numbers * (positions - positions[0])
    return jnp.sin(angles), numbers * jnp.cos(angles)


def gradient_game(split: Helmholtz) -> Game:
    """Make the two-player game in the positions a and b whose field is only the gradient part of a decomposition.

    Both players ascend the potential phi, so the flow of this game does not rotate. Comparing it with the flow of the
    whole field shows the effect of the rotation.

    Args:
        split: result of `helmholtz`.

    Returns:
        The game, valid inside the rectangle of the decomposition; it starts at the centre. The coefficients of the
        series are constants of the game.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 + 10 * x * y - y**2)
        >>> pull = gs.analysis.gradient_game(gs.analysis.helmholtz(gs.analysis.slice_field(game, (0.0, 0.0))))
        >>> end = gs.solve(pull, gs.simgd(0.1), (0.5, 0.5), 100).players  # converges to zero, without rotation
        >>> all(abs(float(entry)) < 1e-3 for entry in end)
        True
    """
    constants = (split.coefficients, (split.a[0], split.a[-1]), (split.b[0], split.b[-1]))
    middle = ((split.a[0] + split.a[-1]) / 2, (split.b[0] + split.b[-1]) / 2)
    game = general_sum(_potential, _potential, constants=constants)
    return Game(game.payoffs, game.constants, start=middle)


def _potential(x: jax.Array, y: jax.Array, coefficients: jax.Array, a: Interval, b: Interval) -> jax.Array:
    sines = [
        jnp.sin(jnp.arange(1, size + 1) * (math.pi * (position - low) / (high - low)))
        for position, size, (low, high) in zip((x, y), coefficients.shape, (a, b), strict=True)
    ]
    return sines[0] @ coefficients @ sines[1]
