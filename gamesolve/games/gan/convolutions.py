"""Convolutional networks from equinox. The arrays of any equinox model can serve as a player."""

import dataclasses
import importlib
import math
from types import ModuleType

import jax
import jax.numpy as jnp

from gamesolve.checks.extras import needs
from gamesolve.games.gan.image_gans import Networks
from gamesolve.trees import Players, PyTree


def convolutional(shape: tuple[int, int] = (28, 28), latent: int = 64, width: int = 16) -> Networks:
    """Make a generator and a discriminator with the architecture of DCGAN.

    Each has two layers of stride two. The generator uses transposed convolutions with ReLU and ends in tanh, the
    discriminator uses plain convolutions with leaky ReLU. There is no batch normalisation: it couples the examples of
    a batch, which biases the estimators and breaks gradient penalties.

    Args:
        shape: shape (H, W) of one image, both multiples of four.
        latent: dimension of the latent.
        width: number of channels at half resolution. At a quarter of the resolution there are twice as many.

    Returns:
        The `Networks`.

    Raises:
        ImportError: if equinox is not installed; the message says what to install.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> networks = gan.convolutional((8, 8), latent=4, width=2)
        >>> generator, discriminator = networks.init(jax.random.key(0))
        >>> networks.judge(discriminator, networks.generate(generator, jnp.zeros((3, 4)))).shape
        (3, 1)

    Reference:
        Radford, Metz, Chintala, "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
        Networks", ICLR 2016, https://arxiv.org/abs/1511.06434
    """
    if any(side % 4 or side < 4 for side in shape):
        raise ValueError(f"shape must hold multiples of four, for two layers of stride two, got {shape}.")
    draw = _Models(tuple(shape), latent, width)
    generator, discriminator = (from_equinox(model)[1] for model in draw.models(jax.random.key(0)))
    return Networks(draw, generator, discriminator, latent)


def from_equinox(model: PyTree) -> tuple[PyTree, "Batched"]:
    """Split an equinox model of one example into a player and a function that applies it to a batch.

    Args:
        model: any callable `equinox.Module`.

    Returns:
        The parameters, a pytree of the model's floating arrays, and ``function(parameters, examples)``.

    Example:
        >>> import equinox as eqx, jax, jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> generator, generate = gan.from_equinox(eqx.nn.MLP(2, 3, 8, 1, key=jax.random.key(0)))
        >>> generate(generator, jnp.zeros((5, 2))).shape
        (5, 3)

    Reference:
        Kidger, Garcia, "Equinox: neural networks in JAX via callable PyTrees and filtered transformations", 2021,
        https://arxiv.org/abs/2111.00254
    """
    equinox = _equinox()
    parameters, static = equinox.partition(model, equinox.is_inexact_array)
    return parameters, Batched(static)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class Batched:
    """The rest of a model after `from_equinox` has taken its parameters."""

    static: PyTree

    def __call__(self, parameters: PyTree, examples: jax.Array) -> jax.Array:
        """Apply the model to each example."""
        return jax.vmap(_equinox().combine(parameters, self.static))(examples)


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class _Models:
    """Draw the parameters of both networks."""

    shape: tuple[int, ...]
    latent: int
    width: int

    def __call__(self, key: jax.Array) -> Players:
        return tuple(from_equinox(model)[0] for model in self.models(key))

    def models(self, key: jax.Array) -> tuple[PyTree, PyTree]:
        """Return equinox models of the generator and the discriminator, each for one image."""
        nn, keys = _equinox().nn, jax.random.split(key, 6)
        coarse = (2 * self.width, self.shape[0] // 4, self.shape[1] // 4)
        size = math.prod(coarse)
        relu, leaky, tanh = map(nn.Lambda, (jax.nn.relu, jax.nn.leaky_relu, jnp.tanh))
        up = [nn.Linear(self.latent, size, key=keys[0]), relu, nn.Lambda(_Reshape(coarse))]
        up += [nn.ConvTranspose2d(2 * self.width, self.width, 4, 2, padding=1, key=keys[1]), relu]
        up += [nn.ConvTranspose2d(self.width, 1, 4, 2, padding=1, key=keys[2]), tanh, nn.Lambda(_Reshape(self.shape))]
        down = [nn.Lambda(_Reshape((1, *self.shape))), nn.Conv2d(1, self.width, 4, 2, padding=1, key=keys[3]), leaky]
        down += [nn.Conv2d(self.width, 2 * self.width, 4, 2, padding=1, key=keys[4]), leaky]
        down += [nn.Lambda(_Reshape((size,))), nn.Linear(size, 1, key=keys[5])]
        return nn.Sequential(up), nn.Sequential(down)


@dataclasses.dataclass(frozen=True)
class _Reshape:
    shape: tuple[int, ...]

    def __call__(self, values: jax.Array) -> jax.Array:
        return values.reshape(self.shape)


def _equinox() -> ModuleType:
    try:
        return importlib.import_module("equinox")
    except ModuleNotFoundError as error:
        raise needs("gan.convolutional", "equinox", "images") from error
