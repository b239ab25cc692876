"""Small nonlinear games with known equilibria."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from gamesolve.game import Game, general_sum


def cosine() -> Game:
    """Make the game with the field ``v(theta, phi) = (cos phi, sin theta)`` on two angles.

    Each period has four equilibria: centres at (0, pi/2) and (pi, -pi/2) with eigenvalues +-i, and saddles at
    (0, -pi/2) and (pi, pi/2) with eigenvalues +-1. The field has no attractor. Consensus optimisation makes the
    centres attracting for every gamma > 0, and the saddles too for gamma > 1.

    Returns:
        The game on two numbers. It starts at (0.5, 1), near the centre (0, pi/2).

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.cosine()
        >>> [round(complex(value).imag, 6) for value in gs.analysis.eigenvalues(game, game.equilibria[0])]
        [1.0, -1.0]
    """
    half = math.pi / 2
    zeros = ((0.0, half), (math.pi, -half), (0.0, -half), (math.pi, half))
    equilibria = tuple(tuple(map(jnp.asarray, zero)) for zero in zeros)
    start = (jnp.asarray(0.5), jnp.asarray(1.0))
    return dataclasses.replace(general_sum(_cosine_theta, _cosine_phi), start=start, equilibria=equilibria)


def _cosine_theta(theta: jax.Array, phi: jax.Array) -> jax.Array:
    return theta * jnp.cos(phi)


def _cosine_phi(theta: jax.Array, phi: jax.Array) -> jax.Array:
    return phi * jnp.sin(theta)
