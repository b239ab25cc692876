"""Entries of the catalogue of GANs: a game with its start, its sampler and its measures."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax

from gamesolve.game import Game
from gamesolve.sampling.samplers import Sampler
from gamesolve.trees import Players, PyTree, State
from gamesolve.trees.faces import shown

Measures: TypeAlias = dict[str, Callable[[Players], PyTree]]


@shown()
class Experiment(NamedTuple):
    """A GAN as a game, ready to be solved. Player 0 is the generator, player 1 the discriminator.

    Attributes:
        game: the game, with its starting point ``game.start`` and its known equilibria ``game.equilibria``.
        sample: ``sample(key) -> batch``, for ``gamesolve.solve(..., sample=...)``; None for a deterministic game.
        measures: functions of the players by name.
    """

    game: Game
    sample: Sampler | None
    measures: Measures

    def watch(self, *names: str) -> Callable[[Players, State], dict[str, PyTree]]:
        """Return measures as the ``record`` of `gamesolve.solve`.

        Args:
            *names: names of the measures. Default: all of them.

        Returns:
            ``record(players, state)``, a dictionary by name. It is a pytree: the arrays of a measure, such as latents
            and data, are arguments of the compiled program.
        """
        unknown = set(names) - set(self.measures)
        if unknown:
            raise ValueError(f"names must be among {sorted(self.measures)}, got {min(unknown)!r}.")
        return jax.tree_util.Partial(_measured, {name: self.measures[name] for name in names or self.measures})


def _measured(measures: Measures, players: Players, state: State) -> dict[str, PyTree]:
    del state
    return {name: measure(players) for name, measure in measures.items()}
