"""Sampled constants of a game on a region: the monotonicity, Lipschitz and weak Minty constants of the field.

All three are computed at the given points only, for example those of `sample_box`. The true constant of the region is
never better than the sampled constant.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve.analysis.equilibria import as_stack
from gamesolve.analysis.point import as_point
from gamesolve.analysis.spectrum import jacobian
from gamesolve.game import Game
from gamesolve.trees import Players, dot, norm


def monotonicity(game: Game, points: Players | list[Players]) -> jax.Array:
    """Return the sampled modulus of monotonicity of the loss field ``-v``: minus the largest eigenvalue of S.

    If it is positive, the field is strongly monotone at these points, which allows at most one equilibrium. If it is
    negative, the field is not monotone. The value is an upper bound on the modulus of the region.

    Args:
        game: the game, bound to its data.
        points: players with a leading axis on every leaf, or a list of players.

    Returns:
        Scalar.

    Raises:
        ValueError: if J is too large to hold.

    Example:
        >>> import jax, gamesolve as gs
        >>> points = gs.analysis.sample_box(jax.random.key(0), (-1.0, -1.0), (1.0, 1.0), 10)
        >>> game = gs.zero_sum(lambda x, y: x**2 + 5 * x * y - 2 * y**2)
        >>> float(gs.analysis.monotonicity(game, points))
        2.0

    Reference:
        Rosen, "Existence and Uniqueness of Equilibrium Points for Concave N-Person Games", Econometrica 1965
    """
    return -jnp.max(_each(_steepest_ascent, game, as_stack(points, game.num_players)))


def lipschitz(game: Game, points: Players | list[Players]) -> jax.Array:
    """Return the sampled Lipschitz constant of the field: the largest singular value of J.

    The value is a lower bound on the Lipschitz constant of the region.

    Args:
        game: the game, bound to its data.
        points: players with a leading axis on every leaf, or a list of players.

    Returns:
        Scalar.

    Raises:
        ValueError: if J is too large to hold.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> float(gs.analysis.lipschitz(gs.games.curl(), (jnp.zeros(1), jnp.zeros(1))))
        1.0
    """
    return jnp.max(_each(_stretch, game, as_stack(points, game.num_players)))


def weak_minty(game: Game, points: Players | list[Players], equilibrium: Players) -> jax.Array:
    """Return the sampled weak Minty constant: the largest rho with ``<-v(z), z - z*> >= rho |v(z)|^2``.

    If it is zero or positive, z* is a Minty solution. If it is between -1/(2 L) and zero, with L the `lipschitz`
    constant, extragradient+ with a suitable step size still converges. The value is an upper bound on the constant of
    the region.

    Args:
        game: the game, bound to its data. It may be of any size, because no products with J are needed.
        points: players with a leading axis on every leaf, or a list of players.
        equilibrium: the equilibrium z*.

    Returns:
        Scalar; points where the field is zero are ignored.

    Example:
        >>> import jax, gamesolve as gs
        >>> points = gs.analysis.sample_box(jax.random.key(0), (-1.0, -1.0), (1.0, 1.0), 10)
        >>> abs(float(gs.analysis.weak_minty(gs.games.curl(), points, (0.0, 0.0)))) < 1e-6
        True

    Reference:
        Diakonikolas, Daskalakis, Jordan, "Efficient Methods for Structured Nonconvex-Nonconcave Min-Max Optimization",
        AISTATS 2021, https://arxiv.org/abs/2011.00364; Pethick et al., "Escaping limit cycles", ICLR 2022,
        https://arxiv.org/abs/2302.09831
    """
    return _minty(game, as_stack(points, game.num_players), as_point(equilibrium, game.num_players))


@partial(jax.jit, static_argnums=0)
def _each(measure: Callable[[jax.Array], jax.Array], game: Game, points: Players) -> jax.Array:
    return jax.lax.map(lambda players: measure(jacobian(game, players)), points)


def _steepest_ascent(J: jax.Array) -> jax.Array:
    return jnp.linalg.eigvalsh((J + J.T) / 2)[-1]


def _stretch(J: jax.Array) -> jax.Array:
    return jnp.linalg.norm(J, 2)


@jax.jit
def _minty(game: Game, points: Players, equilibrium: Players) -> jax.Array:
    def ratio(players: Players) -> jax.Array:
        v = game.field(players)
        length = norm(v)
        some = length > 0
        inverse = 1 / jnp.where(some, length, 1)
        along = dot(optax.tree.scale(inverse, v), jax.tree.map(jnp.subtract, equilibrium, players))
        return jnp.where(some, along * inverse, jnp.inf)

    return jnp.min(jax.vmap(ratio)(points))
