"""The game of a generator and a discriminator, from their networks, a loss and regularisers."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.checks.calls import called
from gamesolve.game import Game, general_sum, zero_sum
from gamesolve.games.gan.losses import Loss, minimax
from gamesolve.games.gan.regularisers import Judge, Regulariser
from gamesolve.sampling import joint
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Batch, PyTree, Scalar

Generate = Callable[[PyTree, jax.Array], jax.Array]


def adversarial(
    generate: Generate, judge: Judge, loss: Loss = minimax, regularisers: tuple[Regulariser, ...] = ()
) -> Game:
    """Make the game of a generator (player 0) and a discriminator (player 1).

    A batch is ``(real, latent)``, or ``(real, latent, key)`` if a regulariser is random. Example i is the pair of
    ``real[i]`` and ``latent[i]``, and the payoffs are means over the pairs. The parameters may be any pytrees of
    arrays, such as those of flax, equinox (``eqx.partition``) or plain functions.

    Args:
        generate: ``generate(generator, latent) -> examples``.
        judge: ``judge(discriminator, examples) -> logits``, one per example, of shape (n,) or (n, 1).
        loss: pair of payoffs.
        regularisers: terms added to the payoffs. Their strengths are constants of the game.

    Returns:
        The game. It is zero-sum if the loss and every penalty allow it.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> game = gan.adversarial(lambda shift, z: z + shift, lambda slope, x: slope * x, gan.wasserstein)
        >>> bound = game.bind((jnp.array([1.0, 3.0]), jnp.zeros(2)))
        >>> [float(entry) for entry in bound.field((0.0, 1.0))]
        [1.0, 2.0]
    """
    parts = _Parts(generate, judge, loss)
    if loss.generator is None and all(term.shared for term in regularisers):
        return zero_sum(Discriminating(parts), constants=(regularisers,))
    return general_sum(Generating(parts), Discriminating(parts), constants=(regularisers,))


def batches(real: Sampler, latent: Sampler, regularisers: tuple[Regulariser, ...] = ()) -> Sampler:
    """Make a sampler of batches for `adversarial`.

    Args:
        real: sampler of examples.
        latent: sampler of as many latents.
        regularisers: regularisers of the game.

    Returns:
        The sampler. If a regulariser is random, each batch holds a random key.

    Example:
        >>> import jax, jax.numpy as jnp, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> sample = gan.batches(gs.minibatches(jnp.zeros((10, 2)), 4), gs.sampling.latents(4, 3))
        >>> [part.shape for part in sample(jax.random.key(0))]
        [(4, 2), (4, 3)]
    """
    return joint(real, latent, Fresh()) if any(term.random for term in regularisers) else joint(real, latent)


def on_one_batch(game: Game, real: jax.Array, latent: jax.Array, regularisers: tuple[Regulariser, ...] = ()) -> Game:
    """Bind the game of `adversarial` to a single batch, for exact expectations.

    Args:
        game: the game.
        real: real examples.
        latent: as many latents.
        regularisers: regularisers of the game.

    Returns:
        The deterministic game.
    """
    key = (jax.random.key(0),) if any(term.random for term in regularisers) else ()
    return game.bind((real, latent, *key))


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Fresh:
    """A sampler of random keys."""

    def __call__(self, key: jax.Array) -> jax.Array:
        """Return the key itself."""
        return key


class _Parts(NamedTuple):
    generate: Generate
    judge: Judge
    loss: Loss


class _Seen(NamedTuple):
    """The outputs on the real and generated examples of a batch, and the sum of the penalties."""

    real: jax.Array
    fake: jax.Array
    penalty: Scalar


@dataclasses.dataclass(frozen=True)
class Generating:
    """The generator's payoff if the game is not zero-sum."""

    parts: _Parts

    def __call__(
        self, generator: PyTree, discriminator: PyTree, regularisers: tuple[Regulariser, ...], batch: Batch
    ) -> jax.Array:
        """Return the mean over the batch."""
        seen, loss = _look(self.parts, generator, discriminator, regularisers, batch), self.parts.loss
        if loss.generator is None:
            return -jnp.mean(loss.discriminator(seen.real, seen.fake))
        return jnp.mean(loss.generator(seen.real, seen.fake))


@dataclasses.dataclass(frozen=True)
class Discriminating:
    """The discriminator's payoff."""

    parts: _Parts

    def __call__(
        self, generator: PyTree, discriminator: PyTree, regularisers: tuple[Regulariser, ...], batch: Batch
    ) -> jax.Array:
        """Return the mean over the batch, minus the penalties."""
        seen = _look(self.parts, generator, discriminator, regularisers, batch)
        return jnp.mean(self.parts.loss.discriminator(seen.real, seen.fake)) - seen.penalty


def _look(
    parts: _Parts, generator: PyTree, discriminator: PyTree, regularisers: tuple[Regulariser, ...], batch: Batch
) -> _Seen:
    real, latent, *rest = batch
    if not rest and any(term.random for term in regularisers):
        raise ValueError(
            "the batch must be (real, latent, key) because a regulariser is random, got no random key. "
            "Make it with gan.batches."
        )
    keys = jax.random.split(rest[0], len(regularisers)) if rest and regularisers else (None,) * len(regularisers)
    hint = "Write lambda parameters, inputs: ..."
    judge = partial(called, "judge", parts.judge, takes="the discriminator and examples", hint=hint)
    for term, key in zip(regularisers, keys, strict=True):
        judge = term.wrap(judge, term.strength, key)
    fake = called("generate", parts.generate, generator, latent, takes="the generator and latents", hint=hint)
    penalties = (
        term.strength * term.penalty(judge, discriminator, real, fake, key)
        for term, key in zip(regularisers, keys, strict=True)
    )
    logits, fake_logits = (judge(discriminator, examples).reshape(len(examples)) for examples in (real, fake))
    return _Seen(logits, fake_logits, sum(penalties, start=0.0))
