"""GANs on images: perceptrons or convolutional networks, measured beside real images."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.games.data import Dataset
from gamesolve.games.gan.adversaries import Generate, adversarial, batches
from gamesolve.games.gan.classifier import Classifier, ImageMeasures, image_measures
from gamesolve.games.gan.experiment import Experiment
from gamesolve.games.gan.losses import Loss, minimax
from gamesolve.games.gan.networks import MLP
from gamesolve.games.gan.regularisers import Judge, Regulariser
from gamesolve.sampling import latents, minibatches
from gamesolve.trees import Players, PyTree

# Number of images that the measures use, at most.
EVALUATED = 1000


class Networks(NamedTuple):
    """A generator and a discriminator of images.

    Attributes:
        init: ``init(key) -> players``, the parameters of the generator and of the discriminator.
        generate: ``generate(generator, latent) -> images``, of shape (n, H, W) and in [-1, 1].
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
        shape: shape of one image, such as (H, W).
        latent: dimension of the latent.
        widths: widths of the hidden layers of both networks, in reverse order for the generator.

    Returns:
        The `Networks`, with leaky ReLU activations. The generator ends in tanh.

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
        dataset: images, such as those of `games.data.digits` or `games.data.mnist_5k`.
        networks: generator and discriminator, from `perceptrons` or `convolutional`. Default: `perceptrons` with two
            hidden layers of 128 units.
        loss: pair of payoffs.
        regularisers: terms added to the payoffs.
        key: typed random key of the start. Default: ``jax.random.key(0)``. For many starts use
            ``jax.vmap(networks.init)(keys)``.
        batch_size: number of real images, and of generated images, per step.
        classifier: classifier from `train_classifier` on the same data, for the measure ``quality``. Default: none.

    Returns:
        The experiment. Its measure ``logits`` holds the discriminator's outputs on real images, followed by those on
        as many generated images. ``margin`` is the mean of the former minus the mean of the latter. With a classifier
        there is also ``quality``, an `ImageMeasures`. All use 1000 images, or half of the data if that is less.

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
    measures: dict[str, Callable[[Players], Any]] = {
        name: jax.tree_util.Partial(measure, *watched) for name, measure in _MEASURES.items()
    }
    if classifier is not None:
        measures["quality"] = jax.tree_util.Partial(_quality, classifier, _leaf(networks.generate), real, noise)
    return Experiment(dataclasses.replace(game, start=players), sample, measures)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Each:
    """Draw the parameters of several networks."""

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

    def __call__(self, generator: PyTree, latent: jax.Array) -> jax.Array:
        return jnp.tanh(self.network(generator, latent)).reshape(-1, *self.shape)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Critic:
    """A perceptron whose inputs are images."""

    network: MLP

    def __call__(self, discriminator: PyTree, examples: jax.Array) -> jax.Array:
        return self.network(discriminator, examples.reshape(len(examples), -1))


def _leaf(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """Return a function as a pytree, so that a measure can hold it."""
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
