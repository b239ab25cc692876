"""The projection problem of implicit competitive regularisation: which error does a constrained generator choose?"""

import dataclasses

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.games.gan.adversaries import adversarial
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import Loss, wasserstein
from gamesolve.games.gan.networks import MLP
from gamesolve.trees import Players, PyTree

TARGET = (2.0, 2.0)
"""The "distribution" of the data."""

RADIUS = 2.5
"""Upper bound on the norm of the generator's output. The target has norm 2.83."""


def projection(
    scales: ArrayLike = (100.0, 1.0), *, loss: Loss = wasserstein, key: jax.Array | None = None
) -> Experiment:
    """Make the projection problem: a "distribution" is a pair (t_1, t_2), and the true one is out of reach.

    The generator is a tiny network whose last layer keeps it inside the disc of radius 2.5. It can get one component
    of (2, 2) right, but not both. The discriminator is a tiny network on ``diag(scales) t``, so it quickly notices
    errors in the component with the large scale. The generator does not know the scales. No penalty restrains the
    discriminator: it could tell any distribution of the disc from (2, 2). In the metric of the scales, the
    generator's best output is (2, 1.5) for scales (100, 1) and (1.5, 2) for scales (1, 100).

    Simultaneous gradient descent (with step size 1.5e-4, which suits these scales) keeps the first component right
    for a long stretch and then leaves. Competitive gradient descent stays longer.

    Args:
        scales: weights of the two components in the discriminator's input.
        loss: pair of payoffs.
        key: typed random key of the initial weights. Default: ``jax.random.key(0)``.

    Returns:
        The experiment, an exact game. Its measures are the ``output`` (t_1, t_2), and ``first_right`` and
        ``second_right``: whether that component is within 0.05 of 2.

    Example:
        >>> import gamesolve as gs
        >>> experiment = gs.games.gan.projection()
        >>> experiment.measures["output"](experiment.game.start).shape
        (2,)

    Reference:
        Schaefer, Zheng, Anandkumar, "Implicit competitive regularization in GANs", ICML 2020,
        https://arxiv.org/abs/1910.05852
    """
    keys = jax.random.split(jax.random.key(0) if key is None else key)
    generator, discriminator = MLP((1, 8, 2), jnp.tanh, gain=1.0), MLP((2, 8, 1), gain=1.0)
    generate, scales = _Inside(generator), jnp.asarray(scales, float)
    players = (generator.init(keys[0]), discriminator.init(keys[1]))
    game = adversarial(_Scaled(generate), discriminator, loss).bind(
        ((scales * jnp.asarray(TARGET))[None], scales[None])
    )
    game = dataclasses.replace(game, start=players)
    partial = jax.tree_util.Partial
    measures = {
        "output": partial(_output, generate),
        "first_right": partial(_right, 0, generate),
        "second_right": partial(_right, 1, generate),
    }
    return Experiment(game, None, measures)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Inside:
    """The generator: its only input is 1, and its output lies in the disc."""

    network: MLP

    def __call__(self, generator: PyTree) -> jax.Array:
        values = self.network(generator, jnp.ones((1, 1)))[0]
        return RADIUS * values / jnp.sqrt(1 + values @ values)


@dataclasses.dataclass(frozen=True)
class _Scaled:
    """The generator as the discriminator sees it; the latents are the scales."""

    generate: _Inside

    def __call__(self, generator: PyTree, scales: jax.Array) -> jax.Array:
        return scales * self.generate(generator)


def _output(generate: _Inside, players: Players) -> jax.Array:
    return generate(players[0])


def _right(component: int, generate: _Inside, players: Players) -> jax.Array:
    return jnp.abs(generate(players[0])[component] - jnp.asarray(TARGET)[component]) < 0.05
