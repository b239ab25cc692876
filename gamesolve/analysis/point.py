"""The players at which analysis looks: in one dtype, since its results are vectors and matrices over all of them."""

import jax
import jax.numpy as jnp

from gamesolve.game import as_players
from gamesolve.trees import Players, widest


def as_point(players: Players, number: int) -> Players:
    """Return ``players`` in the widest of their dtypes, or raise an error that names the player at fault.

    The results have that dtype, and certificates count its rounding errors. A leaf that stayed narrower would have
    larger ones.
    """
    players = as_players(players, number)
    dtype = widest(players)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), players)
