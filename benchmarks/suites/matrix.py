"""Matrix games on probability vectors: the measure is the duality gap, the solvers are those with projections."""

from typing import Any

import jax

from benchmarks.suite import Entry, Race, solvers
from gamesolve import games
from gamesolve.game import Game


def _mixed(key: jax.Array, game: Game) -> Any:
    """Draw a mixed strategy for each player, uniformly."""
    keys = jax.random.split(key, game.num_players)
    sizes = [leaf.shape for leaf in jax.tree.leaves(game.start)]
    dtype = jax.tree.leaves(game.start)[0].dtype
    return tuple(jax.random.dirichlet(k, jax.numpy.ones(size, dtype)) for k, size in zip(keys, sizes, strict=True))


def _entry(name: str, make: Any, summary: str) -> Entry:
    return Entry(name, make, summary, measure=games.duality_gap, draw=_mixed)


SUITE = Race(
    "matrix",
    "How fast does the last iterate of a matrix game lose its duality gap?",
    (
        _entry("pennies", games.matching_pennies, "matching pennies"),
        _entry("rock-paper-scissors", games.rock_paper_scissors, "rock, paper, scissors"),
        _entry("random-10", lambda: games.random_matrix_game(jax.random.key(0)), "10 x 10, normal payoffs"),
        _entry(
            "random-100",
            lambda: games.random_matrix_game(jax.random.key(1), (50, 50)),
            "50 x 50, normal payoffs",
        ),
    ),
    solvers(
        "extragradient",
        "forward_backward_forward",
        "forward_reflected_backward",
        "golden_ratio",
        projections=games.simplices(2),
    ),
    target=1e-2,
)
