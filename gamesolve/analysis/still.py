"""Parameters with a zero field and derivative, at which an adaptive step need not be differentiable: dead units."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import optax

from gamesolve.game import Game
from gamesolve.linear.dense import flattened
from gamesolve.trees import Players, Scalar


class Moving(NamedTuple):
    """A step map without its still parameters.

    Attributes:
        function: the map; it leaves still parameters at the point, so that their eigenvalues are zero.
        point: where it is linearised.
        still: number of still parameters.
    """

    function: Callable[[jax.Array], jax.Array]
    point: jax.Array
    still: Scalar


def without_still(function: Callable[[jax.Array], jax.Array], point: jax.Array, game: Game, players: Players) -> Moving:
    """Hold parameters fixed at which a step is not differentiable, if their field and its derivative are zero there.

    Adam divides by the root of a second moment. If a unit is dead, its second moments are zero, and the root has no
    derivative. To first order such parameters stay, and no other eigenvalue depends on them. Higher orders of a payoff
    may still move them.

    Args:
        function: the step map, of one vector that begins with the players.
        point: where it is linearised.
        game: the game.
        players: the players at the point.
    """
    size = optax.tree.size(players)
    if point.size == size:
        return Moving(function, point, 0)
    direction = _direction(point)
    # The image of a random vector is zero, or not finite, in the rows of a matrix that are.
    still = _still(jax.jvp(function, (point,), (direction,))[1][:size], direction, game, players)
    padded = jnp.pad(still, (0, point.size - size))
    return Moving(lambda vector: jnp.where(padded, point, function(vector)), point, jnp.sum(still))


def without_still_rows(matrix: jax.Array, game: Game, players: Players) -> tuple[jax.Array, Scalar]:
    """Return the derivative of a step map without its still parameters, and their number, see `without_still`.

    Args:
        matrix: the derivative of the map with them.
        game: the game.
        players: the players at the point.
    """
    size = optax.tree.size(players)
    if len(matrix) == size:
        return matrix, 0
    still = _still(jnp.sum(matrix[:size], axis=1), _direction(matrix[0]), game, players)
    return jnp.where(jnp.pad(still, (0, len(matrix) - size))[:, None], 0, matrix), jnp.sum(still)


def _direction(point: jax.Array) -> jax.Array:
    return jax.random.normal(jax.random.key(0), point.shape, point.dtype)


def _still(moved: jax.Array, direction: jax.Array, game: Game, players: Players) -> jax.Array:
    """Return which parameters have a step that is not differentiable, and no field and no derivative of it."""
    field, flat = flattened(game.field, players)
    value, change = jax.jvp(field, (flat,), (direction[: flat.size],))
    return jax.lax.stop_gradient(~jnp.isfinite(moved) & (value == 0) & (change == 0))


def say_still(still: Scalar, players: Players, stacklevel: int = 3) -> None:
    """Warn if a rate leaves out parameters. Traced numbers say nothing."""
    if not isinstance(still, jax.core.Tracer) and still:
        warnings.warn(
            f"the rate leaves out {int(still)} of {optax.tree.size(players)} parameters, whose field and derivative "
            "are zero at the players and whose state holds a root of zero. Higher orders decide if they stay there.",
            stacklevel=stacklevel + 1,
        )
