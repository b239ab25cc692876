"""What an entry of the catalogue is: a game with its data, its start and what to measure on the way."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from gamesolve.game import Game, Players
from gamesolve.sampling.samplers import Sampler


class Experiment(NamedTuple):
    """A GAN as a game, ready to be solved. Player 0 is the generator, player 1 the discriminator.

    Attributes:
        game: the game; ``game.start`` are the players below and ``game.equilibria`` its known equilibria.
        sample: ``sample(key) -> batch``, for ``gamesolve.solve(..., sample=...)``; None for an exact game.
        players: where to start.
        measures: functions of the players by name.
    """

    game: Game
    sample: Sampler | None
    players: Players
    measures: dict[str, Callable[[Players], Any]]

    def watch(self, *names: str) -> Callable[[Players, Any], dict[str, Any]]:
        """Return some of the measures, or all, as the ``record`` of `gamesolve.solve`.

        Args:
            *names: which ones; all unless given.

        Returns:
            ``record(players, state)``, a dictionary by name. It is a pytree: arrays that a measure looks at, such as
            latents and data, travel into the compiled program as leaves.
        """
        unknown = set(names) - set(self.measures)
        if unknown:
            raise ValueError(f"there is no measure {min(unknown)!r}; this experiment has {sorted(self.measures)}.")
        return jax.tree_util.Partial(_measured, {name: self.measures[name] for name in names or self.measures})


def _measured(measures: dict[str, Callable[[Players], Any]], players: Players, state: Any) -> dict[str, Any]:
    del state
    return {name: measure(players) for name, measure in measures.items()}
