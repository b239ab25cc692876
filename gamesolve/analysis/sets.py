"""The natural residual of a point: the field as far as the sets of the players let it move them."""

import jax
import jax.numpy as jnp
import optax

from gamesolve.driving.sets import Projections, projected
from gamesolve.game import Game
from gamesolve.trees import Players, norm

# Entries that a projection moves by at most this many rounding errors are inside the set.
ROUNDING = 4


def natural_norm(game: Game, players: Players, projections: Projections) -> jax.Array:
    """Return the norm of ``z - P(z + v)``. On convex sets it is zero exactly where no player gains to first order.

    Entries that P does not move count as v, because rounding in z + v may lose a small field beside large players.
    """
    field = game.field(players)
    ahead = optax.tree.add(players, field)

    def entries(z: jax.Array, v: jax.Array, target: jax.Array, inside: jax.Array) -> jax.Array:
        held = jnp.abs(target - inside) > ROUNDING * jnp.finfo(target.dtype).eps * jnp.abs(target)
        return jnp.where(held, inside - z, v)

    return norm(jax.tree.map(entries, players, field, ahead, projected(projections, ahead)))
