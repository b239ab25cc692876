"""GANs on images: perceptrons or convolutional networks, and measures beside those of real images."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.game import Players
from gamesolve.games.data import Dataset
from gamesolve.games.gan.adversaries import Generate, adversarial, batches
from gamesolve.games.gan.classifier import Classifier, ImageMeasures, image_measures
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import Loss, minimax
from gamesolve.games.gan.networks import MLP
from gamesolve.games.gan.regularisers import Judge, Regulariser
from gamesolve.sampling import latents, minibatches

EVALUATED = 1000


class Networks(NamedTuple):
    """A generator and a discriminator of images.

    Attributes:
        init: ``init(key) -> players``, the generator's and the discriminator's parameters.
        generate: ``generate(generator, latent) -> images`` of shape (n, H, W), in [-1, 1].
        judge: ``judge(discriminator, images) -> logits``.
        latent: dimension of the latent.
    """

    init: Callable[[jax.Array], Players]
    generate: Generate
    judge: Judge
    latent: int


def perceptrons(shape: tuple[int, ...] = (8, 8), latent: int = 16, widths: tuple[int, ...] = (128, 128)) -> Networks:
    """Make a generator and a discriminator that are multilayer perceptrons.

    Args:
        shape: of one image, such as (H, W).
        latent: dimension of the latent.
        widths: of the hidden layers of both; the generator has them in reverse.

    Returns:
        The `Networks`, with leaky ReLU and a last tanh of the generator.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> networks = gan.perceptrons((8, 8))
        >>> generator, discriminator = networks.init(jax.random.key(0))
        >>> networks.generate(generator, jnp.zeros((5, 16))).shape
        (5, 8, 8)
    """
    pixels = int(np.prod(shape))
    generator = MLP((latent, *reversed(widths), pixels), jax.nn.leaky_relu)
    discriminator = MLP((pixels, *widths, 1), jax.nn.leaky_relu)
    return Networks(_Each((generator, discriminator)), _Painter(generator, shape), _Critic(discriminator), latent)


def images(
    dataset: Dataset,
    networks: Networks | None = None,
    loss: Loss = minimax,
    regularisers: tuple[Regulariser, ...] = (),
    *,
    key: jax.Array | None = None,
    batch_size: int = 64,
    classifier: Classifier | None = None,
) -> Experiment:
    """Make a GAN on images.

    Args:
        dataset: such as `games.data.digits` or `games.data.mnist_5k` return.
        networks: generator and discriminator; `perceptrons` of two hidden layers of 128 units unless given, or
            `convolutional` ones.
        loss: what they play for.
        regularisers: terms of the payoffs.
        key: typed random key of the start; ``jax.random.key(0)`` unless given. For many starts take
            ``jax.vmap(networks.init)(keys)``.
        batch_size: number of real and of generated images a step.
        classifier: such as `train_classifier` makes from the same data, for the measure ``quality``.

    Returns:
        The experiment. Its measures are ``logits``, the discriminator's on real and then on as many generated images;
        ``margin``, the mean of the former less that of the latter; and with a classifier ``quality``, an
        `ImageMeasures`. They look at 1000 images, or half the data, if less.

    Example:
        >>> import jax, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> experiment = gan.images(gs.games.data.digits(), gan.perceptrons((8, 8), widths=(16,)))
        >>> game, sample, key = experiment.game, experiment.sample, jax.random.key(0)
        >>> run = gs.solve(game, gs.simgd(1e-2), game.start, 5, sample=sample, key=key)
        >>> experiment.measures["margin"](run.players).shape
        ()

    Reference:
        Goodfellow et al., "Generative Adversarial Nets", NeurIPS 2014, https://arxiv.org/abs/1406.2661
    """
    real = jnp.asarray(dataset.inputs)
    networks = perceptrons(real.shape[1:]) if networks is None else networks
    players = networks.init(jax.random.key(0) if key is None else key)
    game = adversarial(networks.generate, networks.judge, loss, regularisers)
    sample = batches(minibatches(real, batch_size), latents(batch_size, networks.latent), regularisers)
    size = min(EVALUATED, len(real) // 2)
    noise = jax.random.normal(jax.random.key(1), (size, networks.latent), real.dtype)
    watched = (_leaf(networks.generate), _leaf(networks.judge), real[:: len(real) // size][:size], noise)
    measures: dict[str, Any] = {name: jax.tree_util.Partial(measure, *watched) for name, measure in _MEASURES.items()}
    if classifier is not None:
        measures["quality"] = jax.tree_util.Partial(_quality, classifier, _leaf(networks.generate), real, noise)
    return Experiment(dataclasses.replace(game, start=players), sample, measures)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Each:
    """Draws the parameters of several networks."""

    networks: tuple[MLP, ...]

    def __call__(self, key: jax.Array) -> Players:
        keys = jax.random.split(key, len(self.networks))
        return tuple(network.init(own) for network, own in zip(self.networks, keys, strict=True))


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Painter:
    """A perceptron whose outputs are images."""

    network: MLP
    shape: tuple[int, ...]

    def __call__(self, generator: Any, latent: jax.Array) -> jax.Array:
        return jnp.tanh(self.network(generator, latent)).reshape(-1, *self.shape)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Critic:
    """A perceptron whose inputs are images."""

    network: MLP

    def __call__(self, discriminator: Any, examples: jax.Array) -> jax.Array:
        return self.network(discriminator, examples.reshape(len(examples), -1))


def _leaf(function: Callable[..., Any]) -> Any:
    """Return a function as a pytree, so that it may be bound to a measure."""
    return jax.tree_util.Partial(function) if jax.tree_util.all_leaves([function]) else function


def _logits(generate: Generate, judge: Judge, real: jax.Array, noise: jax.Array, players: Players) -> jax.Array:
    generator, discriminator = players
    seen = jnp.concatenate([real, generate(generator, noise)])
    return judge(discriminator, seen).ravel()


def _margin(generate: Generate, judge: Judge, real: jax.Array, noise: jax.Array, players: Players) -> jax.Array:
    on_real, on_fake = jnp.split(_logits(generate, judge, real, noise, players), 2)
    return jnp.mean(on_real) - jnp.mean(on_fake)


_MEASURES = {"logits": _logits, "margin": _margin}


def _quality(
    classifier: Classifier, generate: Generate, real: jax.Array, noise: jax.Array, players: Players
) -> ImageMeasures:
    return image_measures(classifier, real, generate(players[0], noise))
