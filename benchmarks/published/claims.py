"""A published figure beside the one measured here, and the verdict."""

import dataclasses
import math
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp

import gamesolve as gs


@dataclasses.dataclass(frozen=True)
class Claim:
    """One figure.

    Attributes:
        quantity: what it is.
        published: as it was published, or what was said.
        measured: here.
        holds: whether the two agree; figures to the last digit shown.
        note: where the experiment is smaller than the published one.
    """

    quantity: str
    published: str
    measured: str
    holds: bool
    note: str = ""


def shown(quantity: str, published: str, measured: Any) -> Claim:
    """Compare a number with one given as it was published, to the last digit shown."""
    value = float(measured)
    return Claim(quantity, published, f"{value:.{_digits(published) + 2}g}", agrees(value, published))


def agrees(value: float, published: str) -> bool:
    """Return whether a number rounds to a published one.

    >>> agrees(0.26526, ".2653"), agrees(0.2654, ".2653")
    (True, False)
    """
    number = float(published)
    unit = 10 ** (math.floor(math.log10(abs(number))) - _digits(published) + 1)
    return abs(value - number) <= 0.5001 * unit


def said(quantity: str, published: str, measured: Any, holds: Any, note: str = "") -> Claim:
    """Compare a finding with words."""
    return Claim(quantity, published, measured if isinstance(measured, str) else f"{measured:.6g}", bool(holds), note)


def distance(game: gs.Game, solver: Any, start: Any, steps: int) -> float:
    """Return the Euclidean norm of all players after a run."""
    return float(norm(gs.solve(game, solver, start, steps).players))


def norm(players: Any) -> jax.Array:
    """Return the Euclidean norm of all players."""
    return jnp.linalg.norm(jax.flatten_util.ravel_pytree(players)[0])


def record_norm(players: Any, state: Any) -> jax.Array:
    """Return the norm of the players, as a ``record``."""
    del state
    return norm(players)


def _digits(published: str) -> int:
    return len(published.lstrip("-").split("e")[0].replace(".", "").lstrip("0"))
