"""Look at the noise of a stochastic game: its mean game, and how far that is from the mean of all draws."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.checks import as_pytree
from gamesolve.compare.vectors import ravel
from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Batch, Key, Players, is_key, norm

# Fewest draws that stand for the mean of a game without data; they also measure the noise.
DRAWS = 16
# Error of that mean, relative to the field at the start, down to which draws are added.
BLUR = 0.05
# Share of a noise floor above which the error of the mean that it is measured on is mentioned.
CLEAR = 0.3
# Growth of the number of draws at a time: a mean that is smaller than its error does not show how many are needed.
GROWTH = 4
# Largest difference between the field on draws together and the mean of their fields, relative to the noise.
APART = 0.01


class Noise(NamedTuple):
    """How a game is noisy.

    Attributes:
        sample: sampler of each step.
        key: its random key.
        mean: the game on all of its data, or on many draws at once.
        weight: evaluations that one evaluation of the mean game counts.
        error: standard error of the mean game's field at the start. Default: 0, as with data.
        spent: evaluations that it took to measure it. Default: 0.
    """

    sample: Sampler
    key: Key
    mean: Game
    weight: float
    error: float = 0.0
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

    Raises:
        ValueError: if a draw is not a batch, or the payoffs are not means over its first axis.
    """
    sample = as_pytree("sample", sample)
    own, key = jax.random.split(key)
    draws = _drawn(sample, own, DRAWS)
    _check_batches(draws)
    if game.data:
        one = jax.tree.leaves(draws)[0].shape[1]
        return Noise(sample, key, game, max(1.0, jax.tree.leaves(game.data)[0].shape[0] / one))
    mean, deviation = _statistics(game, draws, start)
    merged, count, spent = _merged(game, draws), DRAWS, 2 * DRAWS
    field = ravel(merged.field(start))
    _check_mean(field, mean, float(deviation))
    while count < (wanted := min(most, _wanted(float(norm(field)), float(deviation), count, blur))):
        count = min(math.ceil(wanted), GROWTH * count)
        merged, spent = _merged(game, _drawn(sample, own, count)), spent + count
        field = ravel(merged.field(start))
    return Noise(sample, key, merged, count, float(deviation) / math.sqrt(count), spent)


def _drawn(sample: Sampler, key: Key, count: int) -> Batch:
    return jax.vmap(sample)(jax.random.split(key, count))


def _check_batches(draws: Batch) -> None:
    """Raise unless all leaves of a draw have an axis for its examples."""
    for leaf in jax.tree.leaves(draws):
        if leaf.ndim < 2:
            seen = "a single random key" if is_key(leaf) else "a scalar"
            way = "jax.random.split(key, 1)" if is_key(leaf) else "an array of shape (1,)"
            raise ValueError(f"sample must return arrays whose first axis is the batch, got {seen}. Return {way}.")


def _merged(game: Game, draws: Batch) -> Game:
    """Return the game on some draws at once."""
    return game.bind(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), draws))


@jax.jit
def _statistics(game: Game, draws: Batch, players: Players) -> tuple[jax.Array, jax.Array]:
    """Return the mean of the draws' fields, and the root mean square distance of one draw's field from it."""
    fields = jax.vmap(lambda batch: ravel(game.bind(batch).field(players)))(draws)
    mean = jnp.mean(fields, axis=0)
    return mean, jnp.sqrt(jnp.sum(jax.vmap(norm)(fields - mean) ** 2) / (DRAWS - 1))


def _check_mean(field: jax.Array, mean: jax.Array, deviation: float) -> None:
    """Raise if the field on draws together is not the mean of their fields."""
    apart, rounding = float(norm(field - mean)), math.sqrt(jnp.finfo(field.dtype).eps) * float(norm(mean))
    if apart > APART * deviation + rounding:
        raise ValueError(
            "the payoffs must be means over the first axis of what sample returns, got a field on "
            f"{DRAWS} draws together that differs from the mean of their fields by {apart:.2g}. Return a batch from "
            "sample, and take jnp.mean over its first axis."
        )


def _wanted(size: float, deviation: float, count: int, blur: float) -> float:
    """Return how many draws it takes until the error of the mean is small, judged by a mean of ``count`` of them."""
    if not math.isfinite(deviation) or deviation == 0:
        return 0.0
    square = size**2 - deviation**2 / count  # the error of the mean makes it longer
    return (deviation / blur) ** 2 / square if square > 0 else math.inf


def pushes(game: Game, noise: Noise, players: Players, count: int) -> jax.Array:
    """Return the deviations of some draws' fields from their mean at these players, shape (count, parameters)."""
    return _pushes(game, noise.sample, players, jax.random.split(jax.random.fold_in(noise.key, 0), count))


@jax.jit
def _pushes(game: Game, sample: Sampler, players: Players, keys: Key) -> jax.Array:
    fields = jax.vmap(lambda key: ravel(game.bind(sample(key)).field(players)))(keys)
    return fields - jnp.mean(fields, axis=0)
