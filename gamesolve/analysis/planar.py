"""The Helmholtz split of a planar field: what ascends a potential, what turns, and what does both.

On a rectangle every field is ``grad phi + rot psi + h`` with ``rot psi = (d psi/db, -d psi/da)``. Both potentials are
zero on the boundary; then the three parts are at right angles to each other, a field without curl has no rotational
and one without divergence no gradient part, and the harmonic rest h has neither. The potentials are sine series, so
that they are smooth functions, known between the grid points as well.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.analysis.landscape import Slice
from gamesolve.game import Game, exact_products, general_sum


class Helmholtz(NamedTuple):
    """The parts of a planar field on its grid; ``gradient + rotational + harmonic`` is the field.

    Attributes:
        a: positions along the first direction, shape (num_a,).
        b: positions along the second direction, shape (num_b,).
        gradient: ``grad phi``, shape (num_a, num_b, 2).
        rotational: ``rot psi``, shape (num_a, num_b, 2).
        harmonic: the rest, shape (num_a, num_b, 2).
        potential: phi on the grid, shape (num_a, num_b).
        stream: psi on the grid, shape (num_a, num_b).
        coefficients: of phi in the sine series, shape (num_a - 2, num_b - 2).
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
        field: of `slice_field`; its ``motion`` is split, what moves out of the plane is not seen. At least three
            positions along each direction; the error falls as the square of their distance.

    Returns:
        A `Helmholtz`.

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
        raise ValueError(f"the grid has {a.size} x {b.size} points; the split needs at least three along each way.")
    return _split(a, b, motion)


@jax.jit
def _split(a: jax.Array, b: jax.Array, motion: jax.Array) -> Helmholtz:
    spacing = ((a[-1] - a[0]) / (a.size - 1), (b[-1] - b[0]) / (b.size - 1))

    def change(entry: int, way: int) -> jax.Array:
        return jnp.asarray(jnp.gradient(motion[..., entry], spacing[way], axis=way))[1:-1, 1:-1]

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
    """Return the sines that the grid tells apart, zero at both ends, and their derivatives."""
    length = positions[-1] - positions[0]
    numbers = jnp.arange(1, positions.size - 1, dtype=positions.dtype)[:, None] * (math.pi / length)
    angles = numbers * (positions - positions[0])
    return jnp.sin(angles), numbers * jnp.cos(angles)


def gradient_game(split: Helmholtz) -> Game:
    """Make the game of two numbers, the positions a and b, whose field is the gradient part of a split alone.

    Both players ascend the potential phi, so that its flow can't turn: where it goes, and whether the whole field
    goes there too, shows what the turning does.

    Args:
        split: of `helmholtz`.

    Returns:
        The game, meaningful inside the rectangle of the split; start at its centre. The series is a constant of it.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x**2 + 10 * x * y - y**2)
        >>> pull = gs.analysis.gradient_game(gs.analysis.helmholtz(gs.analysis.slice_field(game, (0.0, 0.0))))
        >>> path = gs.solve(pull, gs.simgd(0.1), (0.5, 0.5), 100).players  # to zero, without a turn
        >>> all(abs(float(entry)) < 1e-3 for entry in path)
        True
    """
    constants = (split.coefficients, (split.a[0], split.a[-1]), (split.b[0], split.b[-1]))
    middle = ((split.a[0] + split.a[-1]) / 2, (split.b[0] + split.b[-1]) / 2)
    game = general_sum(_potential, _potential, constants=constants)
    return Game(game.payoffs, game.constants, start=middle)


def _potential(x: Any, y: Any, coefficients: jax.Array, a: Any, b: Any) -> jax.Array:
    sines = [
        jnp.sin(jnp.arange(1, size + 1) * (math.pi * (position - low) / (high - low)))
        for position, size, (low, high) in zip((x, y), coefficients.shape, (a, b), strict=True)
    ]
    return sines[0] @ coefficients @ sines[1]
