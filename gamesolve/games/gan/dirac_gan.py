"""The Dirac-GAN: one number per player, and every way in which a GAN fails near its equilibrium."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import jax.scipy.stats

from gamesolve.games.gan.adversaries import adversarial, on_one_batch
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import Loss, minimax
from gamesolve.games.gan.regularisers import Regulariser
from gamesolve.trees import Players


def dirac(loss: Loss = minimax, regularisers: tuple[Regulariser, ...] = (), noise: float = 0.0) -> Experiment:
    """Make the Dirac-GAN: data at 0, a generator at theta, and the discriminator ``D(x) = -psi x``.

    With the minimax loss the discriminator's payoff is ``-log(1 + exp(-theta psi))`` up to a constant. The equilibrium
    (0, 0) is a centre for the plain losses: eigenvalues ``+-i/2`` for the logarithmic ones and ``+-i`` for Wasserstein.
    With R1 of weight gamma they are ``-gamma/2 +- sqrt(gamma^2/4 - 1/4)``. With instance noise of variance s they are
    ``-s/4 +- sqrt(s^2/16 - 1/4)``. With a gradient penalty (0, 0) is not an equilibrium, and training does not
    converge.

    Args:
        loss: pair of payoffs.
        regularisers: terms added to the payoffs.
        noise: scale of instance noise. It is exact to second order: 32 points of equal weight and of that variance.

    Returns:
        The experiment, an exact game that starts at (1, 1). Its only measure is the ``distance`` from the equilibrium.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.dirac()
        >>> run = gs.solve(experiment.game, gs.simgd(0.2), experiment.game.start, 500)
        >>> round(float(experiment.measures["distance"](run.players)), 3)
        3.097

    Reference:
        Mescheder, Geiger, Nowozin, "Which Training Methods for GANs do actually Converge?", ICML 2018,
        https://arxiv.org/abs/1801.04406
    """
    spread = _normal_points(32) * noise if noise else jnp.zeros(1)
    game = on_one_batch(adversarial(_shifted, _linear, loss, regularisers), spread, spread, regularisers)
    start, equilibrium = (jnp.ones(()), jnp.ones(())), (jnp.zeros(()), jnp.zeros(()))
    game = dataclasses.replace(game, start=start, equilibria=(equilibrium,))
    return Experiment(game, None, {"distance": jax.tree_util.Partial(_distance)})


def _shifted(position: jax.Array, latent: jax.Array) -> jax.Array:
    return position + latent


def _linear(slope: jax.Array, examples: jax.Array) -> jax.Array:
    return -slope * examples


def _distance(players: Players) -> jax.Array:
    return jnp.hypot(*players)


@functools.partial(jax.jit, static_argnums=0)
def _normal_points(number: int) -> jax.Array:
    """Return evenly spaced quantiles of the normal distribution, scaled to variance one."""
    points = jax.scipy.stats.norm.ppf((jnp.arange(number) + 0.5) / number)
    return points / jnp.std(points)
