"""The natural residual of a point: the field as far as the sets of the players let it move them."""

import jax
import optax

from gamesolve.driving.sets import Projections, projected
from gamesolve.game import Game
from gamesolve.trees import Players, norm


def natural_norm(game: Game, players: Players, projections: Projections) -> jax.Array:
    """Return the norm of ``z - P(z + v)``. On convex sets it is zero exactly where no player gains to first order."""
    ahead = projected(projections, optax.tree.add(players, game.field(players)))
    return norm(optax.tree.sub(players, ahead))
