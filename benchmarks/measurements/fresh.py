"""Labelled runs that were first judged when `gamesolve.watching.verdicts` was finished; see `labelled`."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.measurements.labelled import MEASUREMENTS, Family, Labelled, scaled, uniform
from gamesolve.games import gan


def three_players(seed: int) -> Labelled:
    """Gradient steps on a strongly monotone quadratic game of three players converge at a linear rate."""
    game = gs.games.random_quadratic(jax.random.key(seed), (3, 2, 4), condition=3.0, rotation=0.3)
    return Labelled(game, gs.simgd(uniform(seed, 0.1, 0.2)), game.start, 400)


def bilinear_cgd(seed: int) -> Labelled:
    """Competitive gradient descent converges on bilinear games."""
    matrix = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32) + 3 * np.eye(4, dtype=np.float32)
    game = gs.games.bilinear(jnp.asarray(matrix))
    return Labelled(game, gs.cgd(uniform(seed, 0.1, 0.2)), game.start, 200)


def rotation_orbit(seed: int) -> Labelled:
    """The flow of a pure rotation runs on circles."""
    game = gs.games.rotation(4)
    start = jax.tree.map(lambda leaf: uniform(seed, 0.5, 1.5) * leaf, game.start)
    return Labelled(game, gs.runge_kutta(0.15), start, 1200)


def mean_orbit(seed: int) -> Labelled:
    """Alternating gradients on the Wasserstein GAN of a mean, a bilinear game, stay on bounded cycles."""
    experiment = gan.mean_estimation(tuple(uniform(seed, 1, 3, (2,)).tolist()))
    return Labelled(experiment.game, gs.altgd(0.15), experiment.game.start, 1200)


def dirac_simgd(seed: int) -> Labelled:
    """Simultaneous gradients leave the Dirac-GAN's Wasserstein centre on a growing spiral."""
    game = gan.dirac(gan.wasserstein).game
    return Labelled(game, gs.simgd(0.1), tuple(uniform(seed, 0.5, 1.5, (2,))), 600)


def other_saddle(seed: int) -> Labelled:
    """The saddle (π, π/2) of the cosine game, at the time of the closest approach."""
    near, far, rate = float(10.0 ** uniform(seed, -6, -4)), 0.4, 0.03
    steps = round(math.log(far / near) / 2 / rate / MEASUREMENTS) * MEASUREMENTS
    start = (math.pi + (far + near) / 2**0.5, math.pi / 2 + (far - near) / 2**0.5)
    return Labelled(gs.games.cosine(), gs.simgd(rate), tuple(map(jnp.float32, start)), steps)


def chebyshev_chaos(seed: int) -> Labelled:
    """Each coordinate maps x to 2x² - 1, the Chebyshev map of order 2: its exponent is log 2."""
    game = gs.general_sum(lambda x, y: _chebyshev(x), lambda x, y: _chebyshev(y))
    return Labelled(game, gs.simgd(1.0), tuple(uniform(seed, -0.9, 0.9, (2, 2))), 400)


def mean_noise(seed: int) -> Labelled:
    """Optimistic gradients on minibatches of the GAN of a mean, long after they have reached it."""
    experiment = gan.mean_estimation((1.0, 2.0), 8, regularisers=(gan.r1(1.0),))
    return Labelled(experiment.game, gs.ogda(uniform(seed, 0.05, 0.1)), experiment.game.start, 4000, experiment.sample)


def thinning(seed: int) -> Labelled:
    """A generator whose scale a quadratic penalty takes to zero."""
    game = gs.general_sum(lambda w, d: -(w**2) + d * w / 4, lambda w, d: -(d**2) - d * w / 4)
    outputs = jax.tree_util.Partial(scaled, jax.random.normal(jax.random.key(seed), (256, 3)))
    return Labelled(game, gs.simgd(0.01), (uniform(seed, 1, 3), jnp.float32(0.5)), 160, outputs=outputs)


def switched_off(seed: int) -> Labelled:
    """Player 0's payoff has the factor exp(-y²), and player 1 ascends y's own concave payoff to y = 4."""
    game = gs.general_sum(lambda x, y: jnp.sin(x) * jnp.exp(-(y**2)), lambda x, y: -((y - 4) ** 2) / 2 - x * 0)
    return Labelled(game, gs.simgd((0.001, 0.02)), (uniform(seed, -0.5, 0.5), jnp.float32(0)), 1200)


def _chebyshev(x: jax.Array) -> jax.Array:
    return jnp.sum(2 * x**3 / 3 - x**2 / 2 - x)


FRESH: Mapping[str, tuple[Family, ...]] = {
    "converging": (three_players, bilinear_cgd),
    "rotating": (rotation_orbit, mean_orbit),
    "running off": (dirac_simgd,),
    "near a saddle": (other_saddle,),
    "chaotic": (chebyshev_chaos,),
    "noise floor": (mean_noise,),
    "collapsing": (thinning,),
    "starved": (switched_off,),
}
