"""Games that each step sees a noisy draw of."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.suites.suite import Entry, Race, solvers
from gamesolve import games, sampling
from gamesolve.game import Game
from gamesolve.solvers.entry import Cost, SolverEntry

BATCH = 8
PERIOD = 50


def _regression() -> Game:
    draw = np.random.default_rng(0).normal
    features = draw(size=(64, 5)).astype(np.float32)
    return games.dual_regression(features, features @ draw(size=5).astype(np.float32) + 0.5, ridge=0.2)


def _rows(batch: int, game: Game) -> Any:
    (arrays,) = game.data
    return gs.minibatches(arrays, batch)


def _noise(game: Game) -> Any:
    return sampling.joint(*(sampling.latents(BATCH, leaf.shape[0]) for leaf in jax.tree.leaves(game.start)))


# The reference takes a second field on the same batch, and the full field is one of 64 examples every fiftieth step.
_SVRG = tuple(
    SolverEntry(name, make, formula, paper, cost, {"full": None, "period": PERIOD}, rated=False)
    for name, make, formula, paper, cost in (
        ("svrg", gs.svrg, "z + E (v_B(z) - v_B(w) + v(w))", "Palaniappan, Bach 2016", Cost(fields=2 + 8 / PERIOD)),
        (
            "svrg_extragradient",
            gs.svrg_extragradient,
            "the same at a look-ahead",
            "Chavdarova et al. 2019; Alacaoglu, Malitsky 2022",
            Cost(fields=3 + 8 / PERIOD),
        ),
    )
)

SUITE = Race(
    "stochastic",
    "What is left of a method when the field is noisy, and what does variance reduction buy?",
    (
        Entry(
            "noisy-bilinear",
            lambda: games.noisy_bilinear(jnp.eye(10), 0.1),
            "x^T y in 10 + 10 dimensions, noise 0.1 on each example",
            _noise,
            BATCH,
            solvers=("simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "acgd", "anchored_extragradient"),
        ),
        Entry(
            "regression",
            _regression,
            "ridge regression as a saddle point, 64 examples",
            functools.partial(_rows, BATCH),
            BATCH,
        ),
        Entry(
            "single-entries",
            functools.partial(games.single_entries, 8),
            "x^T y, one coordinate an example",
            functools.partial(_rows, 1),
            1,
        ),
    ),
    solvers("simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "acgd", "anchored_extragradient")
    | {entry.name: entry for entry in _SVRG},
    target=1e-1,
)
