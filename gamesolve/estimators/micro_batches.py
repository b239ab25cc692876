"""Games whose payoffs visit a batch in micro-batches, so that memory is that of one of them."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.estimators.self_products import batch_size, split
from gamesolve.game import Game, Negated, Payoff
from gamesolve.game.model_state import parted
from gamesolve.trees import PyTree, Scalar


@dataclasses.dataclass(frozen=True)
class _Scanned:
    """A payoff as the mean over micro-batches; equal if its parts are equal, so that nothing is compiled twice.

    Attributes:
        payoff: the payoff.
        size: largest number of examples of a micro-batch.
        first: number of arguments before the data.
    """

    payoff: Payoff
    size: int
    first: int

    def __call__(self, *args: PyTree) -> Scalar:
        fixed, data = args[: self.first], args[self.first :]
        examples = batch_size(data)
        number = next(n for n in range(1, examples + 1) if examples % n == 0 and examples // n <= self.size)
        if number == 1:
            return parted(self.payoff(*args))[0]
        # Derivatives compute the values of a micro-batch again instead of keeping them for all. In a loop, nothing
        # has to prevent XLA from merging the two.
        value = jax.checkpoint(lambda fixed, part: parted(self.payoff(*fixed, *part))[0], prevent_cse=False)
        _, values = jax.lax.scan(lambda _, part: (None, value(fixed, part)), None, split(data, number))
        return jnp.mean(values, axis=0)


def micro_batched(game: Game, number: int) -> Game:
    """Return the game on the same batch, with payoffs that are computed on ``number`` micro-batches one by one.

    Payoffs, fields and products with the Jacobian keep their values, because a payoff is the mean over its batch. They
    take the memory of one micro-batch, and one more evaluation of each payoff per derivative.

    Args:
        game: the game, bound to its data.
        number: number of micro-batches; it must divide the number of examples. Typed keys in a batch are split into
            independent ones.

    Returns:
        The game.

    Raises:
        ValueError: if the batch can't be split.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y, a: jnp.mean(a) * x * y).bind(jnp.arange(8.0))
        >>> [float(entry) for entry in gs.estimators.micro_batched(game, 4).field((1.0, 1.0))]
        [-3.5, 3.5]
    """
    examples = batch_size(game.draw(0).data_of(0), "k=")
    if number < 1 or examples % number:
        raise ValueError(
            f"k must divide the {examples} examples of the batch, got {number}. Choose a divisor of {examples}."
        )
    if number == 1:
        return game
    first = game.num_players + len(game.constants)

    def scanned(payoff: Any) -> Payoff:
        if isinstance(payoff, Negated):
            return Negated(scanned(payoff.function))
        return _Scanned(payoff, examples // number, first)

    return dataclasses.replace(game, payoffs=tuple(map(scanned, game.payoffs)))
