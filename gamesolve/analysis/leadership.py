"""The point of view of a leader, whose followers answer its moves."""

from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
import optax

from gamesolve.analysis.dense import COLUMNS
from gamesolve.game import Game, Players, exact_products


def lead_from(game: Game, players: Players, J: jax.Array, leader: int) -> tuple[jax.Array, jax.Array]:
    """Return how far a leader is from its first-order condition, and its total Hessian.

    The followers' zero ``v_F = 0`` moves with the leader, along the columns of ``R = (I, -J_FF^-1 J_FL)``. With prices
    ``w = J_FF^-T d payoff/dy_F`` the leader's total gradient is ``R^T d payoff`` and its total Hessian
    ``R^T d2(payoff - w . v_F) R``; in zero-sum games the latter is the Schur complement ``J_LL - J_LF J_FF^-1 J_FL``.

    Args:
        game: the game.
        players: the point.
        J: the Jacobian there.
        leader: who leads; all others follow.

    Returns:
        Norm of the leader's total gradient and the followers' field together, and the Hessian, symmetric, not finite
        where the followers' answer is not defined.
    """
    flat, unravel = jax.flatten_util.ravel_pytree(players)
    owner = np.repeat(np.arange(game.num_players), [optax.tree.size(player) for player in players])
    mine, theirs = np.flatnonzero(owner == leader), np.flatnonzero(owner != leader)
    payoff: Any = game.payoffs[leader]

    def value(z: jax.Array) -> jax.Array:
        return payoff(*unravel(z), *game.constants, *game.data)

    def followers(z: jax.Array) -> jax.Array:
        return jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0][theirs]

    with exact_products():
        stake, rest = jax.grad(value)(flat), followers(flat)
        factors = jax.scipy.linalg.lu_factor(J[np.ix_(theirs, theirs)])
        answer = jax.scipy.linalg.lu_solve(factors, -J[np.ix_(theirs, mine)])
        prices = jax.scipy.linalg.lu_solve(factors, stake[theirs], trans=1)
        R = jnp.zeros((flat.size, mine.size), flat.dtype).at[mine, np.arange(mine.size)].set(1).at[theirs].set(answer)
        _, product = jax.linearize(jax.grad(lambda z: value(z) - prices @ followers(z)), flat)
        hessian = jax.lax.map(product, R.T, batch_size=COLUMNS) @ R
    residual = jnp.sqrt(jnp.sum((R.T @ stake) ** 2) + jnp.sum(rest**2))
    return residual, (hessian + hessian.T) / 2
