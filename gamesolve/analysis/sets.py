"""The natural residual of a point: the field as far as the sets of the players let it move them."""

import jax
import jax.numpy as jnp

from gamesolve.driving.sets import Projections, natural_residual, of_players
from gamesolve.game import Game
from gamesolve.trees import Players, norm


def natural_norm(game: Game, players: Players, projections: Projections) -> jax.Array:
    """Return the norm of ``z - P(z + v)``. On convex sets it is zero exactly where no player gains to first order."""
    u = jax.tree.map(jnp.negative, game.field(players))
    return norm(natural_residual(of_players(projections, players), players, u))
