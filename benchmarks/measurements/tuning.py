"""The labelled runs on which the thresholds of `gamesolve.watching.verdicts` were set; see `labelled`."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks.measurements.labelled import Family, Labelled, from_ridge, quartic, scaled, uniform
from gamesolve.trees import Players, PyTree


def icr(seed: int) -> Labelled:
    """Consensus on a quadratic game on which gradient steps diverge."""
    game = gs.games.icr_quadratic()
    return Labelled(game, gs.conopt(uniform(seed, 0.01, 0.03), 0.1), game.start, 800)


def regression(seed: int) -> Labelled:
    """Gradient steps on the saddle point of ridge regression, without noise."""
    rng = np.random.default_rng(seed)
    features, targets = rng.normal(size=(8, 3)).astype(np.float32), rng.normal(size=8).astype(np.float32)
    game = gs.games.dual_regression(features, targets, 1.0)
    return Labelled(game, gs.extragradient(0.5), game.start, 800)


def curl_orbit(seed: int) -> Labelled:
    """The flow of the curl runs on circles."""
    return Labelled(gs.games.curl(), gs.runge_kutta(0.1), tuple(uniform(seed, 0.5, 1.5, (2,))), 1000)


def duffing_orbit(seed: int) -> Labelled:
    """The flow x' = y, y' = -x³ in two coordinates of different energies runs on a torus."""
    game = gs.general_sum(lambda x, y: x @ y, lambda x, y: -(x**3) @ y)
    return Labelled(game, gs.runge_kutta(0.1), tuple(map(jnp.asarray, uniform(seed, 0.5, 1.5, (2, 2)))), 4000)


def regression_noise(seed: int) -> Labelled:
    """Minibatches of a regression at a constant step size, long after it has converged."""
    rng = np.random.default_rng(seed)
    features, targets = rng.normal(size=(64, 3)).astype(np.float32), rng.normal(size=64).astype(np.float32)
    game = gs.games.finite_sum(_residual, arrays=(jnp.asarray(features), jnp.asarray(targets)))
    start = (jnp.ones(3), jnp.ones(3))
    return Labelled(game, gs.simgd(uniform(seed, 0.05, 0.1)), start, 4000, gs.minibatches(game.data[0], 4))


def escaping(seed: int) -> Labelled:
    """Both players climb away from an unstable point."""
    game = gs.zero_sum(lambda x, y: (y**2 - x**2) / 2)
    return Labelled(game, gs.simgd(0.02), tuple(uniform(seed, 0.1, 1, (2,))), 400)


def quartic_well(seed: int) -> Labelled:
    """A saddle of a potential in two players with wells far away."""
    return from_ridge(seed, _tilted)


def tent_chaos(seed: int) -> Labelled:
    """Coupled cubic maps at large steps."""
    game = gs.general_sum(lambda x, y: quartic(x) + 0.01 * jnp.sum(x * y), lambda x, y: quartic(y))
    return Labelled(game, gs.simgd(1.6), tuple(uniform(seed, -1, 1, (2, 2))), 400)


def shrinking(seed: int) -> Labelled:
    """A generator whose scale decays exponentially, as player 0 maximises minus its square."""
    game = gs.general_sum(lambda w, d: -(w**2) / 2 + w * d * 0.1, lambda w, d: -d * w * 0.1)
    outputs = jax.tree_util.Partial(scaled, jax.random.normal(jax.random.key(seed), (256, 2)))
    return Labelled(game, gs.simgd(0.02), (jnp.float32(1), jnp.float32(0.5)), 120, outputs=outputs)


def cold_sigmoid(seed: int) -> Labelled:
    """Player 0's payoff is a sigmoid of a sum that player 1 pushes far out while it turns."""
    game = gs.general_sum(_cold, _pushing)
    return Labelled(game, gs.simgd((0.05, 0.05)), (jnp.zeros(()), tuple(uniform(seed, 0.5, 1, (2,)))), 2000)


def _tilted(x: jax.Array, y: jax.Array) -> jax.Array:
    return x**2 / 2 - x**4 / 64 - y**2 / 2 - x**2 * y**2 / 8


def _cold(x: jax.Array, y: Players) -> jax.Array:
    return jax.nn.sigmoid(x + 4 * y[0])


def _pushing(x: jax.Array, y: Players) -> jax.Array:
    del x
    return y[0] - y[0] ** 2 / 8 + jnp.sin(y[1]) * 0.5


def _residual(x: jax.Array, y: jax.Array, example: PyTree) -> jax.Array:
    features, target = example
    return (features @ x - target) ** 2 / 2 - y @ y / 2 + x @ y * 0.1


TUNING: Mapping[str, tuple[Family, ...]] = {
    "converging": (icr, regression),
    "rotating": (curl_orbit, duffing_orbit),
    "running off": (escaping,),
    "chaotic": (tent_chaos,),
    "near a saddle": (quartic_well,),
    "collapsing": (shrinking,),
    "starved": (cold_sigmoid,),
    "noise floor": (regression_noise,),
}
