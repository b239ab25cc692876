"""Named solvers and catalogue games by name: the command, the documentation and the contract tests read them."""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeVar

import jax
import numpy as np

from gamesolve import games, solvers
from gamesolve.game import Game
from gamesolve.solvers.entry import Cost as Cost
from gamesolve.solvers.entry import SolverEntry, entries

_Entry = TypeVar("_Entry")


@dataclasses.dataclass(frozen=True)
class GameEntry:
    """A catalogue game that needs no argument.

    Attributes:
        name: name of the game.
        make: function without arguments that builds it.
        summary: short description.
    """

    name: str
    make: Callable[[], Game]
    summary: str


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of solvers, from the first line of its module: ``Title: idea.``.

    Attributes:
        name: name of the module in `gamesolve.solvers`, and of the family of its solvers in `SolverEntry`.
        title: its title.
        idea: one line about its solvers.
    """

    name: str
    title: str
    idea: str


def _family(module: ModuleType) -> Family:
    title, idea = (module.__doc__ or "").splitlines()[0].rstrip(".").split(": ", 1)
    return Family(module.__name__.rpartition(".")[2], title, idea)


def _wheel() -> Game:
    """Return the network game of a hub and eight players on a ring around it."""
    ring = np.roll(np.eye(8), 1, axis=0)
    return games.network(np.block([[np.zeros((1, 1)), np.ones((1, 8))], [np.ones((8, 1)), ring + ring.T]]), 0.2)


def _steered() -> Game:
    """Return the open-loop game of two players who push one rotating point and care for different axes of it."""
    costs = (np.diag([1.0, 0.1]), np.diag([0.1, 1.0]))
    system = games.linear_quadratic([[1.0, 0.3], [-0.3, 1.0]], (np.eye(2),) * 2, costs, (2 * np.eye(2),) * 2)
    return games.open_loop(system, 5, [1.0, 0.5])


_GAMES = (
    GameEntry("bilinear", lambda: games.bilinear(1.0), "x y on two numbers"),
    GameEntry(
        "bilinear-10",
        lambda: games.random_quadratic(jax.random.key(0), (10, 10), rotation=1.0),
        "xᵀ M y in 10 + 10 dimensions, condition 10",
    ),
    GameEntry("icr", games.icr_quadratic, "x² + 10 x y + y²: unstable for equal step sizes"),
    GameEntry("quadratic", lambda: games.random_quadratic(jax.random.key(0)), "zero-sum, 10 + 10 dimensions, monotone"),
    GameEntry(
        "general-sum",
        lambda: games.random_quadratic(jax.random.key(1), zero_sum=False),
        "general-sum, 10 + 10 dimensions",
    ),
    GameEntry(
        "three-players",
        lambda: games.random_quadratic(jax.random.key(2), (3, 4, 5)),
        "polymatrix zero-sum, 3 + 4 + 5 dimensions",
    ),
    GameEntry("network", _wheel, "efforts of 9 players on a wheel, who profit from their neighbours"),
    GameEntry("control", _steered, "two players steer one linear system over 5 steps, inputs fixed in advance"),
    GameEntry("curl", games.curl, "field (-y, x)"),
    GameEntry("rotation", lambda: games.rotation(5), "xᵀ y in 5 + 5 dimensions"),
    GameEntry("cosine", games.cosine, "field (cos φ, sin θ): two centres and two saddles per period"),
)

SOLVERS: dict[str, SolverEntry] = {entry.name: entry for family in solvers.FAMILIES for entry in entries(family)}
FAMILIES: dict[str, Family] = {family.name: family for family in map(_family, solvers.FAMILIES)}
# The solvers that a comparison runs by default.
CORE = ("simgd", "altgd", "extragradient", "ogda", "conopt", "cgd", "acgd")
GAMES: dict[str, GameEntry] = {entry.name: entry for entry in _GAMES}


def find(table: Mapping[str, _Entry], name: str, kind: str) -> _Entry:
    """Return the entry with this name.

    Args:
        table: `SOLVERS` or `GAMES`.
        name: name of the entry.
        kind: kind of entry that the table holds, for the message.

    Raises:
        ValueError: if there is no such entry; the message suggests the nearest name.
    """
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(table)}."
    raise ValueError(f"there is no {kind} named {name!r}; {hint}")
