"""Look at the noise of a stochastic game: its mean game, and how far that is from the mean of all draws."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checks import as_pytree
from gamesolve.compare.vectors import ravel
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Batch, Key, Players, norm

# Fewest draws that stand for the mean of a game without data; they also measure the noise.
DRAWS = 16
# Error of that mean, relative to the field at the start, down to which draws are added.
BLUR = 0.05


class Noise(NamedTuple):
    """How a game is noisy.

    Attributes:
        sample: sampler of each step.
        key: its random key.
        mean: the game on all of its data, or on many draws at once.
        weight: evaluations that one evaluation of the mean game counts.
        blur: standard error of the mean game's field, relative to its norm at the start. Default: 0, as with data.
        spent: evaluations that it took to measure it. Default: 0.
    """

    sample: Sampler
    key: Key
    mean: Game
    weight: float
    blur: float = 0.0
    spent: int = 0


def noise_of(game: Game, sample: Sampler, key: Key, start: Players, most: float, blur: float = BLUR) -> Noise:
    """Return the noise of a game with this sampler; a game that is bound to data is its own mean.

    Args:
        game: the game.
        sample: sampler of each step.
        key: typed random key.
        start: players where the noise is measured.
        most: largest number of draws for the mean, at least `DRAWS`.
        blur: error of the mean, relative to the field at the start, down to which draws are added. Default: `BLUR`.
    """
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
    deviation = float(_deviation(game, draws, start))
    wanted = (deviation / blur) ** 2 if math.isfinite(deviation) else 0.0
    count = max(DRAWS, math.ceil(min(wanted, most)))
    draws = jax.vmap(sample)(jax.random.split(own, count))
    merged = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), draws)
    return Noise(sample, key, game.bind(merged), count, deviation / np.sqrt(count), DRAWS)


@jax.jit
def _deviation(game: Game, draws: Batch, players: Players) -> jax.Array:
    """Return the root mean square distance between one draw's field and the mean, relative to the mean."""
    fields = jax.vmap(lambda batch: game.bind(batch).field(players))(draws)
    mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), fields)
    distances = jax.vmap(lambda field: norm(jax.tree.map(jnp.subtract, field, mean)))(fields)
    return jnp.sqrt(jnp.sum(distances**2) / (DRAWS - 1)) / norm(mean)


def pushes(game: Game, noise: Noise, players: Players, count: int) -> jax.Array:
    """Return the deviations of some draws' fields from their mean at these players, shape (count, parameters)."""
    return _pushes(game, noise.sample, players, jax.random.split(jax.random.fold_in(noise.key, 0), count))


@jax.jit
def _pushes(game: Game, sample: Sampler, players: Players, keys: Key) -> jax.Array:
    fields = jax.vmap(lambda key: ravel(game.bind(sample(key)).field(players)))(keys)
    return fields - jnp.mean(fields, axis=0)
