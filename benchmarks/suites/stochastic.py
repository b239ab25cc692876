"""Games of which each step sees a noisy draw."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.suites.suite import Entry, Race, solvers
from gamesolve import games, registry, sampling
from gamesolve.compare.lanes import Sampler
from gamesolve.game import Game
from gamesolve.solvers.entry import Cost, SolverEntry

BATCH = 8
PERIOD = 50
USUAL = ("simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "acgd", "anchored_extragradient")


def _regression() -> Game:
    draw = np.random.default_rng(0).normal
    features = draw(size=(64, 5)).astype(np.float32)
    return games.dual_regression(features, features @ draw(size=5).astype(np.float32) + 0.5, ridge=0.2)


def _rows(batch: int, game: Game) -> Sampler:
    (arrays,) = game.data
    return gs.minibatches(arrays, batch)


def _noise(game: Game) -> Sampler:
    return sampling.joint(*(sampling.latents(BATCH, leaf.shape[0]) for leaf in jax.tree.leaves(game.start)))


def _svrg(name: str, fields: int) -> dict[str, SolverEntry]:
    """Return the entry for 64 examples in batches of 8, with the full field in every fiftieth step."""
    cost, arguments = Cost(fields=fields + 8 / PERIOD), {"full": None, "period": PERIOD}
    return {name: dataclasses.replace(registry.SOLVERS[name], cost=cost, arguments=arguments)}


NOISY = "x^T y in 10 + 10 dimensions, noise 0.1 on each example"
SUITE = Race(
    "stochastic",
    "How well do solvers do with a noisy field, and what does variance reduction gain?",
    (
        Entry("noisy-bilinear", lambda: games.noisy_bilinear(jnp.eye(10), 0.1), NOISY, _noise, BATCH, solvers=USUAL),
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
            "x^T y, one coordinate per example",
            functools.partial(_rows, 1),
            1,
        ),
    ),
    solvers(*USUAL) | _svrg("svrg", 2) | _svrg("svrg_extragradient", 3),
    target=1e-1,
)
