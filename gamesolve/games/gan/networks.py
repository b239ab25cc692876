"""Small multilayer perceptrons in plain JAX. Any other pytree of arrays with a function can be a player too."""

import dataclasses
import math
from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp

Layers = tuple[dict[str, jax.Array], ...]


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True)
class MLP:
    """A multilayer perceptron: ``init(key)`` draws its parameters, a call maps parameters and examples to outputs.

    Networks with equal attributes compare equal, so nothing is compiled twice. The parameters are a tuple of layers,
    each a dictionary with a ``weight`` of shape (inputs, outputs) and a ``bias``.

    Attributes:
        sizes: number of units in every layer, from inputs to outputs.
        activation: function applied after every layer but the last.
        gain: the weights are drawn with standard deviation ``gain / sqrt(inputs)``. Biases start at zero.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> network = gan.MLP((2, 16, 1))
        >>> network(network.init(jax.random.key(0)), jnp.zeros((5, 2))).shape
        (5, 1)
    """

    sizes: tuple[int, ...]
    activation: Callable[[jax.Array], jax.Array] = jax.nn.relu
    gain: float = math.sqrt(2)

    def init(self, key: jax.Array) -> Layers:
        """Draw the parameters."""
        return _draw(self, key)

    def __call__(self, layers: Layers, examples: jax.Array) -> jax.Array:
        """Map examples of shape (n, inputs) to outputs of shape (n, outputs)."""
        values = examples
        for layer in layers[:-1]:
            values = self.activation(values @ layer["weight"] + layer["bias"])
        return values @ layers[-1]["weight"] + layers[-1]["bias"]


@jax.jit
def _draw(network: MLP, key: jax.Array) -> Layers:
    keys = jax.random.split(key, len(network.sizes) - 1)
    return tuple(
        {
            "weight": network.gain / math.sqrt(inputs) * jax.random.normal(own, (inputs, outputs)),
            "bias": jnp.zeros(outputs),
        }
        for own, (inputs, outputs) in zip(keys, pairwise(network.sizes), strict=True)
    )
