"""What a suite is: games and solvers as data that a protocol runs, or tables that functions make."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from gamesolve import registry
from gamesolve.game import Game, Players
from gamesolve.solvers.entry import SolverEntry

# Every solver of a suite is tuned on the same step sizes, from the same tuning starts.
STEP_SIZES = tuple(10 ** (-3 + exponent / 3) for exponent in range(12))
TUNING_SEEDS = 2
# Test starts of every cell, which are the lanes of its program: few fill a CPU, a GPU wants many.
SEEDS = {"cpu": 24}
OTHER_SEEDS = 256
# What most suites run; bilinear and quadratic ones run every solver of the registry.
USUAL = (*registry.CORE, "sga", "lead", "anchored_extragradient", "proximal", "lookahead", "optimistic_adam")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line may change.

    Attributes:
        budget: what a run may spend, in fields and products with the Jacobian; that of each suite unless given.
        seeds: starts that every tuned solver is tested from; as many as fill the device unless given.
        x64: compute in float64 where a suite would not.
        solvers: names of the solvers to run; all unless given.
        games: names of the games (or rows) to run; all unless given.
        device: platform to run on.
    """

    budget: int | None = None
    seeds: int | None = None
    x64: bool = False
    solvers: tuple[str, ...] | None = None
    games: tuple[str, ...] | None = None
    device: str = "cpu"

    def seeds_on(self, platform: str) -> int:
        """Return the number of test starts on a platform."""
        return self.seeds or SEEDS.get(platform, OTHER_SEEDS)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A game of a suite.

    Attributes:
        name: its name in tables and on the command line.
        make: builds it, with its start and its known equilibria.
        summary: what it is.
        sample: makes of the game what every step draws; None for a game without noise.
        batch: number of examples in a draw.
        measure: ``measure(game, players)``, what a solver should bring to zero; the distance to the nearest known
            equilibrium unless given, or the norm of the field where none is known.
        draw: ``draw(key, game)``, a random start; unless given one about as far from the equilibrium as the game's own.
        solvers: those that run on it; all of the suite unless given.
        budget: what a run may spend; the suite's unless given.
        target: share of its first value that the measure has to reach; the suite's unless given.
        flow: what the flow is known to do at the nearest equilibrium: stable, neutral or unstable; the run checks it.
    """

    name: str
    make: Callable[[], Game]
    summary: str
    sample: Callable[[Game], Any] | None = None
    batch: int = 0
    measure: Callable[[Game, Players], jax.Array] | None = None
    draw: Callable[[jax.Array, Game], Players] | None = None
    solvers: tuple[str, ...] | None = None
    budget: int | None = None
    target: float | None = None
    flow: str = ""


@dataclasses.dataclass(frozen=True)
class Race:
    """Games times solvers.

    Attributes:
        name: of the suite.
        question: what it asks.
        games: the games.
        solvers: the solvers by name; one with an argument ``full`` is given the game on all of its data.
        budget: what a run may spend, in fields and products with the Jacobian.
        target: share of its first value that the measure has to reach.
        x64: whether it needs float64.
        rated: whether measured contractions are held against the predicted rates.
    """

    name: str
    question: str
    games: tuple[Entry, ...]
    solvers: Mapping[str, SolverEntry]
    budget: int = 2000
    target: float = 1e-3
    x64: bool = False
    rated: bool = False

    def names(self) -> list[tuple[str, str]]:
        """Return the names of all cells, game and solver."""
        return [(game.name, name) for game in self.games for name in game.solvers or self.solvers]


@dataclasses.dataclass(frozen=True)
class Tables:
    """Tables of figures that need no race.

    Attributes:
        name: of the suite.
        question: what it asks.
        tasks: functions of the settings that return rows, by name.
        x64: whether it needs float64.
    """

    name: str
    question: str
    tasks: Mapping[str, Callable[[Settings], Sequence[dict[str, Any]]]]
    x64: bool = False

    def names(self) -> list[tuple[str, str]]:
        """Return the names of all cells; a table has no solver."""
        return [(name, "table") for name in self.tasks]


Suite = Race | Tables


def solvers(*names: str, **arguments: Any) -> dict[str, SolverEntry]:
    """Return solvers of the registry by name, all with these further arguments."""
    entries = {name: registry.SOLVERS[name] for name in names}
    return {
        name: dataclasses.replace(entry, arguments={**entry.arguments, **arguments}) for name, entry in entries.items()
    }
