"""Games on a part of their batch, for operators that need fewer examples than the field."""

import dataclasses

import jax

from gamesolve.checks import whole_number
from gamesolve.estimators.self_products import batch_size, is_one_key
from gamesolve.game import Game


def first_examples(game: Game, number: int, argument: str = "number") -> Game:
    """Return the game on the first examples of its batch.

    Payoffs are means over the batch, so those of the first examples are unbiased estimates if the batch is in random
    order.

    Args:
        game: the game, bound to its data.
        number: number of examples to keep, of the leading axis of every leaf. A single typed key stays as it is.
        argument: name of the argument that holds ``number``, for error messages.

    Returns:
        The game; the same one if the batch has that many examples.

    Raises:
        ValueError: if the leaves of the batch do not share a leading axis, or have fewer examples.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y).bind(jnp.arange(8.0))
        >>> [float(entry) for entry in gs.estimators.first_examples(game, 4).field((1.0, 1.0))]
        [-1.5, 1.5]
    """
    examples = batch_size(game.data, f"{argument}=")
    number = whole_number(argument, number, 1)
    if number > examples:
        raise ValueError(
            f"{argument} must be at most the {examples} examples of the batch, got {number}. Choose fewer examples, or "
            "bind a larger batch."
        )
    if number == examples:
        return game
    return dataclasses.replace(
        game, data=jax.tree.map(lambda leaf: leaf if is_one_key(leaf) else leaf[:number], game.data)
    )
