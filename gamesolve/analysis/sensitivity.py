"""Differentiate an equilibrium in the constants of its game."""

from collections.abc import Callable

import jax
import jax.flatten_util
import jax.numpy as jnp

from gamesolve import linear
from gamesolve.analysis.point import as_point
from gamesolve.game import Game, exact_products
from gamesolve.linear.dense import flattened
from gamesolve.linear.eigenpairs import VectorMap
from gamesolve.trees import Players


def differentiable_equilibrium(game: Game, players: Players, tolerance: float | None = None) -> Players:
    """Return an equilibrium unchanged, with derivatives in the arrays that its game holds or closes over.

    If ``v(z*, c) = 0``, the equilibrium z* depends on the constants c by ``dz* = -J^-1 (dv/dc) dc``, no matter how it
    was found. The linear system with the non-symmetric J of all players is solved with a dense matrix for small games
    and by GMRES for large games. Forward and reverse mode of any order work.

    Args:
        game: the game, bound to its data; any number of players. Its constants, its data and arrays that its payoffs
            close over may be traced.
        players: the equilibrium, as accurate as the derivatives should be. The computation that led to it is not
            differentiated. Find it with ``solve(jax.lax.stop_gradient(game), ...)``: that run is not traced for
            derivatives, so it may stop early by ``tol``.
        tolerance: relative tolerance of the linear solve. Default: 1e-12 in float64 and 1e-6 in float32.

    Returns:
        The players. If J is singular (`classify` reports it as degenerate), the derivative does not exist and the
        result is meaningless.

    Example:
        >>> import jax, gamesolve as gs
        >>> def equilibrium(c):  # x minimises x^2/2 + c x y - y^2/2 + y, y maximises it: x = -c/(1 + c^2)
        ...     payoff = lambda x, y, c: x**2 / 2 + c * x * y - y**2 / 2 + y
        ...     game = gs.zero_sum(payoff, constants=(c,))
        ...     players = gs.solve(jax.lax.stop_gradient(game), gs.simgd(0.2), (0.0, 0.0), 500).players
        ...     return gs.analysis.differentiable_equilibrium(game, players)[0]
        >>> round(float(jax.jit(jax.grad(equilibrium))(2.0)), 4)  # (c^2 - 1)/(c^2 + 1)^2
        0.12

    Reference:
        Blondel et al., "Efficient and Modular Implicit Differentiation", NeurIPS 2022,
        https://arxiv.org/abs/2105.15183
    """
    players = jax.lax.stop_gradient(as_point(players, game.num_players))
    relative = linear.default_tolerance(players) if tolerance is None else tolerance

    def solve(product: VectorMap, rhs: jax.Array) -> jax.Array:
        return linear.solve_general(product, rhs, jnp.zeros_like(rhs), relative)[0]

    def tangent(product: Callable[[Players], Players], rhs: Players) -> Players:
        # One vector, because reverse mode needs all leaves of a right-hand side to depend on the constants, or none.
        # A custom solve, because the dense branch checks its result, which reverse mode can't differentiate.
        image, flat = flattened(product, rhs)
        _, unravel = jax.flatten_util.ravel_pytree(rhs)
        return unravel(jax.lax.custom_linear_solve(image, flat, solve, transpose_solve=solve))

    with exact_products():
        return jax.lax.custom_root(game.field, players, lambda _, start: start, tangent)
