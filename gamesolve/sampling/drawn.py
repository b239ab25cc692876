"""Several independent draws of the data: one for each look of a step at the game, or one for each player.

`gamesolve.Game.bind` accepts both. The samplers that make them are `gamesolve.sampling.several` and
`gamesolve.sampling.per_player`.
"""

import dataclasses
import functools

import jax

from gamesolve.trees import Batch
from gamesolve.trees.faces import shown


@shown()
@functools.partial(jax.tree_util.register_dataclass, data_fields=["batches"], meta_fields=["per_player"])
@dataclasses.dataclass(frozen=True)
class Draws:
    """Independent draws for one step.

    Attributes:
        batches: the draws, all of one shape.
        per_player: if True, player i's payoff sees ``batches[i]``. If False, all payoffs see the same draw: the field
            uses the first one, and each look-ahead or later turn the next.
    """

    batches: tuple[Batch, ...]
    per_player: bool = False


def draws(*batches: Batch) -> Draws:
    """Combine the draws for successive looks at the game in one step, for `gamesolve.Game.bind`.

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


def for_players(*batches: Batch) -> Draws:
    """Combine one draw per player, for `gamesolve.Game.bind`.

    Args:
        *batches: player i's payoff sees ``batches[i]``.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve.sampling import for_players
        >>> game = gs.zero_sum(lambda x, y, slope: slope * x * y).bind(for_players(1.0, 2.0))
        >>> [float(value) for value in game.evaluate((1.0, 1.0))]
        [-1.0, 2.0]
    """
    return Draws(batches, per_player=True)


def choose(data: tuple[Batch, ...], index: int, *, per_player: bool) -> tuple[Batch, ...]:
    """Return data with draw ``index`` in place of each `Draws` of the given kind, also inside those of the other."""

    def chosen(entry: Batch) -> Batch:
        if not isinstance(entry, Draws):
            return entry
        if entry.per_player is per_player:
            return entry.batches[index]
        return Draws(tuple(map(chosen, entry.batches)), entry.per_player)

    return tuple(map(chosen, data))


def numbers(data: tuple[Batch, ...], *, per_player: bool) -> set[int]:
    """Return the numbers of draws in the `Draws` of the given kind, empty if there are none."""
    found: set[int] = set()
    for entry in data:
        if isinstance(entry, Draws):
            own = entry.per_player is per_player
            found |= {len(entry.batches)} if own else numbers(entry.batches, per_player=per_player)
    return found
