"""Tiny GANs: one parameter, one linear map, and clusters in the plane."""

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.suites.suite import USUAL, Entry, Race, solvers
from gamesolve.compare.lanes import Sampler
from gamesolve.game import Game, Players
from gamesolve.games import gan

GENERATOR, DISCRIMINATOR = gan.MLP((4, 16, 16, 2)), gan.MLP((2, 16, 16, 1))
SCALES = (10.0, 1.0)


def _ring(key: jax.Array) -> gan.Experiment:
    settings = {"batch_size": 64, "latent_dim": 4, "reach": 0.3, "generator": GENERATOR, "discriminator": DISCRIMINATOR}
    return gan.ring(8, 0.05, key=key, **settings)


def _sampler(game: Game) -> Sampler | None:
    del game
    return _ring(jax.random.key(0)).sample


def _bound() -> Game:
    """Return the ring's game on one draw, on which fields are measured."""
    experiment = _ring(jax.random.key(0))
    sample: Any = experiment.sample
    return experiment.game.bind(sample(jax.random.key(7)))


def _from_best(game: Game, players: Players) -> jax.Array:
    del game
    return jnp.linalg.norm(gan.projection(SCALES).measures["output"](players) - jnp.array([2.0, 1.5]))


def _missed(game: Game, players: Players) -> jax.Array:
    del game
    return 9 - jnp.asarray(_ring(jax.random.key(0)).measures["modes"](players), jnp.float32)


PROJECTION = (
    "a generator that cannot be exact: (2, 2) from a disc of radius 2.5; the measure: distance from (2, 1.5), the "
    "optimum if the discriminator sees the first number ten times as large"
)
SUITE = Race(
    "gan-toy",
    "Which solvers train tiny GANs, at equal budgets and each at its best step size?",
    (
        Entry("bump", lambda: gan.bias_plane(gan.Bump(0.5)).game, "biases, bump discriminator: stable, not Nash"),
        Entry("dirac-wasserstein", lambda: gan.dirac(gan.wasserstein).game, "Dirac-GAN, Wasserstein loss: a centre"),
        Entry("mean", lambda: gan.mean_estimation().game, "a mean estimated by a linear generator and critic"),
        Entry(
            "covariance",
            lambda: gan.covariance(10).game,
            "a covariance estimated by a quadratic critic; any root is as good as another",
            measure=lambda game, players: gan.covariance(10).measures["residual"](players),
            budget=1000,
        ),
        Entry(
            "projection",
            lambda: gan.projection(SCALES).game,
            PROJECTION,
            measure=_from_best,
            draw=lambda key, game: gan.projection(SCALES, key=key).game.start,
            target=0.1,
        ),
        Entry(
            "ring",
            _bound,
            "8 clusters on a ring, perceptrons of two hidden layers of 16; the measure: clusters missed, plus one",
            sample=_sampler,
            batch=64,
            measure=_missed,
            draw=lambda key, game: _ring(key).game.start,
            solvers=("simgd", "altgd", "extragradient", "conopt", "acgd", "optimistic_adam"),
            budget=1500,
            target=1 / 3,
        ),
    ),
    solvers(*USUAL),
    target=1e-2,
)
