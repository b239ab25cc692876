"""Games on convex sets: matrix games on probability vectors, and a constrained problem with its multipliers."""

import dataclasses
from collections.abc import Callable

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from benchmarks.outside import methods
from benchmarks.suites.suite import Entry, Race, solvers
from gamesolve import games
from gamesolve.compare.lanes import Measure
from gamesolve.game import Game, Players
from gamesolve.trees import PyTree

ASSETS, LIMITS = 10, 3
SIMPLEX = optax.projections.projection_simplex


def _second(player: PyTree) -> PyTree:
    """Project player 1, which has a mixed strategy or multipliers."""
    return games.multiplier_projection(player) if isinstance(player, dict) else SIMPLEX(player)


SETS = (SIMPLEX, _second)


def _mixed(key: jax.Array, game: Game) -> Players:
    """Draw a mixed strategy for each player, uniformly; multipliers start between zero and one."""
    flat, unravel = jax.flatten_util.ravel_pytree(game.start)
    drawn = unravel(jax.random.exponential(key, flat.shape, flat.dtype))  # normalised, it is uniform on a simplex
    return tuple(player if isinstance(player, dict) else player / player.sum() for player in drawn)


def _portfolio() -> Game:
    """Return the choice of weights of least variance minus return, with upper limits on weighted sums of them."""
    keys = jax.random.split(jax.random.key(2), 3)
    factor = jax.random.normal(keys[0], (ASSETS, ASSETS)) / ASSETS**0.5
    exposures = jax.random.uniform(keys[1], (LIMITS, ASSETS))
    constants = (factor @ factor.T, 0.3 * jax.random.normal(keys[2], (ASSETS,)), exposures)
    start = jnp.full(ASSETS, 1 / ASSETS)
    game = games.lagrangian(_risk, inequality=_excess, constants=constants)
    variables = games.multipliers(start, inequality=_excess, constants=constants)
    return dataclasses.replace(game, start=(start, variables))


def _risk(x: jax.Array, covariance: jax.Array, returns: jax.Array, exposures: jax.Array) -> jax.Array:
    del exposures
    return x @ (covariance @ x) / 2 - returns @ x


def _excess(x: jax.Array, covariance: jax.Array, returns: jax.Array, exposures: jax.Array) -> jax.Array:
    del covariance, returns
    return exposures @ x - 0.4


def _natural_residual(game: Game, players: Players) -> jax.Array:
    """Return the length of a projected step of size one, which is zero at solutions only."""
    stepped = jax.tree.map(jnp.add, players, game.field(players))
    moved = tuple(project(player) for project, player in zip(SETS, stepped, strict=True))
    return optax.tree.norm(jax.tree.map(jnp.subtract, moved, players))


def _entry(name: str, make: Callable[[], Game], summary: str, measure: Measure = games.duality_gap) -> Entry:
    return Entry(name, make, summary, measure=measure, draw=_mixed)


PORTFOLIO = "ten weights on a simplex, three inequalities; the measure: length of a projected step of size one"
PROJECTED = ("extragradient", "forward_backward_forward", "forward_reflected_backward", "golden_ratio")
SUITE = Race(
    "matrix",
    "How fast does the last iterate converge on convex sets: the duality gap of matrix games, a constrained problem?",
    (
        _entry("pennies", games.matching_pennies, "matching pennies"),
        _entry("rock-paper-scissors", games.rock_paper_scissors, "rock, paper, scissors"),
        _entry("random-10", lambda: games.random_matrix_game(jax.random.key(0)), "10 x 10, normal payoffs"),
        _entry("random-100", lambda: games.random_matrix_game(jax.random.key(1), (50, 50)), "50 x 50, normal payoffs"),
        _entry("portfolio", _portfolio, PORTFOLIO, _natural_residual),
    ),
    solvers(*PROJECTED, projections=SETS) | methods("matrix"),
    target=1e-2,
)
