"""Elastic weight consolidation: a discriminator whose important weights are held back."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_number
from gamesolve.solver import parametric
from gamesolve.trees import PyTree, Scalar, State, Updates


class ConsolidationState(NamedTuple):
    """State of `consolidation`: the importance of each weight, and the weights that it is pulled to."""

    importance: PyTree
    anchor: PyTree


@parametric
def consolidation(strength: Scalar, decay: Scalar = 0.99) -> optax.GradientTransformation:
    """Pull the weights of a discriminator to their average, each by its importance, so that it forgets less.

    To the direction of descent u it adds ``strength F (w - w')``. The anchor w' is the exponential average of the
    weights w, and the importance F that of the squared gradients of the batches, an estimate of the diagonal of the
    Fisher information. This is the form of elastic weight consolidation without tasks: in a GAN the examples of the
    generator change all the time. It comes first in the optimiser of one player:
    ``per_player(tx, optax.chain(consolidation(1e4), tx))``.

    Args:
        strength: weight of the pull. It is divided by the scale of squared gradients, so useful values are large.
        decay: decay rate of both averages, below 1.

    Returns:
        The transformation.

    Example:
        >>> import optax, gamesolve as gs
        >>> from gamesolve.games import gan
        >>> rmsprop = optax.rmsprop(1e-3)
        >>> solver = gs.per_player(rmsprop, optax.chain(gan.consolidation(1e4), rmsprop))
        >>> part = gan.consolidation(2.0, decay=0.5)
        >>> state = part.init(1.0)
        >>> for weight in (1.0, 3.0):
        ...     u, state = part.update(2.0, state, weight)
        >>> float(u)  # 2 + 2 * 2 * (3 - 1): the importance is 2 after one gradient of 2
        10.0

    Reference:
        Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017,
        https://arxiv.org/abs/1612.00796; Liang et al., "Generative Adversarial Network Training is a Continual Learning
        Problem", 2018, https://arxiv.org/abs/1811.11083
    """
    check_number("strength", strength, least=0.0)
    check_number("decay", decay, least=0.0, below=1.0)

    def init(params: PyTree) -> ConsolidationState:
        params = jax.tree.map(jnp.asarray, params)
        return ConsolidationState(optax.tree.zeros_like(params), params)

    def update(updates: Updates, state: State, params: PyTree = None) -> tuple[Updates, ConsolidationState]:
        if params is None:
            raise ValueError("params must be the player's parameters, got None. Call update(u, state, params).")
        pulled = jax.tree.map(
            lambda u, importance, weight, anchor: u + strength * importance * (weight - anchor),
            updates,
            state.importance,
            params,
            state.anchor,
        )
        importance = _mixed(decay, state.importance, jax.tree.map(jnp.square, updates))
        return pulled, ConsolidationState(importance, _mixed(decay, state.anchor, params))

    return optax.GradientTransformation(init, update)


def _mixed(decay: Scalar, average: PyTree, new: PyTree) -> PyTree:
    return jax.tree.map(lambda old, entry: decay * old + (1 - decay) * entry, average, new)
