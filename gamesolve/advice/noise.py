"""Look at the noise of a stochastic game: its mean game, and how far one draw's field is from the mean."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import as_pytree
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Batch, Key, Players, norm

# Draws that are averaged where the game has no data of its own, and by which the noise is measured.
DRAWS = 16


class Noise(NamedTuple):
    """How a game is noisy.

    Attributes:
        sample: sampler of each step.
        key: its random key.
        mean: the game on all of its data, or on many draws at once.
        weight: evaluations that one evaluation of the mean game counts.
    """

    sample: Sampler
    key: Key
    mean: Game
    weight: float


def noise_of(game: Game, sample: Sampler, key: Key) -> Noise:
    """Return the noise of a game with this sampler; a game that is bound to data is its own mean."""
    sample = as_pytree("sample", sample)
    own, key = jax.random.split(key)
    draws = jax.vmap(sample)(jax.random.split(own, DRAWS))
    if game.data:
        one = jax.tree.leaves(draws)[0].shape[1]
        return Noise(sample, key, game, max(1.0, jax.tree.leaves(game.data)[0].shape[0] / one))
    if any(leaf.ndim < 2 for leaf in jax.tree.leaves(draws)):
        raise ValueError(
            "sample must return arrays whose first axis is the batch, got a scalar. Return an array of shape (1,)."
        )
    merged = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), draws)
    return Noise(sample, key, game.bind(merged), DRAWS)


def deviation(game: Game, noise: Noise, players: Players) -> float:
    """Return the root mean square distance between one draw's field and the mean, from `DRAWS` draws."""
    return float(_deviation(dataclasses.replace(game, data=()), noise, players))


@jax.jit
def _deviation(game: Game, noise: Noise, players: Players) -> jax.Array:
    mean = noise.mean.field(players)

    def square(key: Key) -> jax.Array:
        batch: Batch = noise.sample(key)
        return norm(optax.tree.sub(game.bind(batch).field(players), mean)) ** 2

    return jnp.sqrt(jnp.mean(jax.vmap(square)(jax.random.split(noise.key, DRAWS))))
