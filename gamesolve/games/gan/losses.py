"""Losses of GANs: pairs of payoffs, as functions of the discriminator's outputs.

A loss maps the logits of real and generated examples to one value per example. The payoffs are the means of these
values, and both players maximise. ``sigmoid(logit)`` is the discriminator's probability that an example is real; in
the relativistic loss only differences of logits within a pair have a meaning.
"""

import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

Values = Callable[[jax.Array, jax.Array], jax.Array]


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Loss:
    """A pair of payoffs, each ``values(real_logits, fake_logits)`` with the shape of the logits.

    Attributes:
        name: name of the loss.
        discriminator: values that the discriminator maximises.
        generator: values that the generator maximises. If None, the generator minimises the discriminator's payoff,
            and the game is zero-sum.
        ideal: loss of the best discriminator when generated and real examples have the same distribution, which
            `transforms.gap_aware` aims at. Default: unknown.
    """

    name: str
    discriminator: Values
    generator: Values | None = None
    ideal: float | None = None


def _likelihood(real: jax.Array, fake: jax.Array) -> jax.Array:
    return jax.nn.log_sigmoid(real) + jax.nn.log_sigmoid(-fake)


def _believed(_: jax.Array, fake: jax.Array) -> jax.Array:
    return jax.nn.log_sigmoid(fake)


def _difference(real: jax.Array, fake: jax.Array) -> jax.Array:
    return real - fake


def _output(_: jax.Array, fake: jax.Array) -> jax.Array:
    return fake


def _margins(real: jax.Array, fake: jax.Array) -> jax.Array:
    return -jax.nn.relu(1 - real) - jax.nn.relu(1 + fake)


def _squares(real: jax.Array, fake: jax.Array) -> jax.Array:
    return -(jnp.square(real - 1) + jnp.square(fake)) / 2


def _square_to_one(_: jax.Array, fake: jax.Array) -> jax.Array:
    return -jnp.square(fake - 1) / 2


def _ahead(real: jax.Array, fake: jax.Array) -> jax.Array:
    return jax.nn.log_sigmoid(real - fake)


def _behind(real: jax.Array, fake: jax.Array) -> jax.Array:
    return jax.nn.log_sigmoid(fake - real)


minimax = Loss("minimax", _likelihood, ideal=math.log(4))
non_saturating = Loss("non_saturating", _likelihood, _believed, ideal=math.log(4))
wasserstein = Loss("wasserstein", _difference, ideal=0.0)
hinge = Loss("hinge", _margins, _output, ideal=2.0)
least_squares = Loss("least_squares", _squares, _square_to_one, ideal=0.25)
relativistic = Loss("relativistic", _ahead, _behind, ideal=math.log(2))
