"""Describe suites: games and solvers as data that a protocol runs, or tables that functions compute."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax

from benchmarks.outside import Method
from gamesolve import registry
from gamesolve.compare.lanes import Measure, Sampler
from gamesolve.game import Game, Players
from gamesolve.solvers.entry import SolverEntry

# Every solver of a suite is tuned on the same step sizes, from the same tuning starts.
STEP_SIZES = tuple(10 ** (-3 + exponent / 3) for exponent in range(12))
TUNING_SEEDS = 2
# Test starts of every cell, which are the lanes of its program: a few fill a CPU, a GPU needs many.
SEEDS, OTHER_SEEDS = {"cpu": 24}, 256
# The solvers of most suites; bilinear and quadratic run every solver of the registry.
USUAL = (*registry.CORE, "sga", "lead", "anchored_extragradient", "proximal", "lookahead", "optimistic_adam")

Draw = Callable[[jax.Array, Game], Players | None]


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of the command line.

    Attributes:
        budget: fields and products with the Jacobian per run. Default: that of each suite.
        seeds: test starts of every tuned solver. Default: as many as fill the device.
        x64: whether to compute in float64 in all suites.
        solvers: names of the solvers to run. Default: all.
        games: names of the games, or rows, to run. Default: all.
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
        name: name in tables and on the command line.
        make: function that builds the game, with its start and its known equilibria.
        summary: description of the game.
        sample: function that makes the sampler of a step from the game; None for a game without noise.
        batch: number of examples per draw.
        measure: ``measure(game, players)``, to be brought to zero. Default: the distance to the nearest known
            equilibrium, or the norm of the field if none is known.
        draw: ``draw(key, game)``, a random start. Default: one about as far from the equilibrium as the game's own.
        solvers, budget, target: in place of those of the suite.
        flow: known stability of the flow at the nearest equilibrium, which the run checks: stable, neutral, unstable.
    """

    name: str
    make: Callable[[], Game]
    summary: str
    sample: Callable[[Game], Sampler | None] | None = None
    batch: int = 0
    measure: Measure | None = None
    draw: Draw | None = None
    solvers: Sequence[str] | None = None
    budget: int | None = None
    target: float | None = None
    flow: str = ""


@dataclasses.dataclass(frozen=True)
class Race:
    """Games times solvers; a solver with an argument ``full`` is given the game on all of its data.

    Attributes:
        budget: fields and products with the Jacobian per run.
        target: the measure to reach, relative to its first value.
        x64: whether the suite needs float64.
        rated: whether measured contractions are compared with the predicted rates.
    """

    name: str
    question: str
    games: tuple[Entry, ...]
    solvers: Mapping[str, Method]
    budget: int = 2000
    target: float = 1e-3
    x64: bool = False
    rated: bool = False

    def names(self) -> list[tuple[str, str]]:
        """Return the names of all cells, game and solver."""
        return [(game.name, name) for game in self.games for name in game.solvers or self.solvers]


@dataclasses.dataclass(frozen=True)
class Tables:
    """Tables that need no race; ``tasks`` are functions of the settings that return rows, by name."""

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
