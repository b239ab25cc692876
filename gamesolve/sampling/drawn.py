"""Several draws of the data in one: for looks ahead that want their own, and for players that want their own.

`gamesolve.Game.bind` understands both. The samplers that make them are `gamesolve.sampling.several` and
`gamesolve.sampling.per_player`.
"""

import dataclasses
import functools
from typing import Any

import jax


@functools.partial(jax.tree_util.register_dataclass, data_fields=["batches"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class Draws:
    """Independent draws for one step: the first for the field, one more for each look-ahead or later turn."""

    batches: tuple[Any, ...]


@functools.partial(jax.tree_util.register_dataclass, data_fields=["batches"], meta_fields=[])
@dataclasses.dataclass(frozen=True)
class PerPlayer:
    """One draw for each player: player i's payoff sees ``batches[i]``."""

    batches: tuple[Any, ...]


def draws(*batches: Any) -> Draws:
    """Put independent draws of one step together, for `gamesolve.Game.bind`.

    Args:
        *batches: the draws, all of one shape.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.sampling import draws
        >>> game = gs.zero_sum(lambda x, y, slope: slope * x * y).bind(draws(1.0, 2.0))
        >>> [float(game.draw(k).evaluate((1.0, 1.0))[1]) for k in range(2)]
        [1.0, 2.0]
    """
    return Draws(batches)


def for_players(*batches: Any) -> PerPlayer:
    """Put one draw for each player together, for `gamesolve.Game.bind`.

    Args:
        *batches: player i's payoff sees ``batches[i]``.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.sampling import for_players
        >>> game = gs.zero_sum(lambda x, y, slope: slope * x * y).bind(for_players(1.0, 2.0))
        >>> [float(value) for value in game.evaluate((1.0, 1.0))]
        [-1.0, 2.0]
    """
    return PerPlayer(batches)
