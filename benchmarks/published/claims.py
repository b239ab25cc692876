"""Compare published figures with those measured here."""

import math
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

import gamesolve as gs
from gamesolve.game import Players
from gamesolve.trees import Scalar, State


class Claim(NamedTuple):
    """One figure, as published (or described) and as measured here, and whether the two agree.

    Figures agree to the last digit shown; ``note`` says if the experiment is smaller than the published one.
    """

    quantity: str
    published: str
    measured: str
    holds: bool
    note: str = ""


def shown(quantity: str, published: str, measured: Scalar) -> Claim:
    """Compare a number with a published one, to the last digit shown."""
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


def said(quantity: str, published: str, measured: str | Scalar, holds: Scalar, note: str = "") -> Claim:
    """Compare a finding with words."""
    return Claim(quantity, published, measured if isinstance(measured, str) else f"{measured:.6g}", bool(holds), note)


def distance(game: gs.Game, solver: optax.GradientTransformation, start: Players, steps: int) -> float:
    """Return the Euclidean norm of all players after a run."""
    return float(record_norm(gs.solve(game, solver, start, steps).players, None))


def record_norm(players: Players, state: State) -> jax.Array:
    """Return the Euclidean norm of all players, as a ``record``."""
    del state
    return jnp.linalg.norm(jax.flatten_util.ravel_pytree(players)[0])


def _digits(published: str) -> int:
    return len(published.lstrip("-").split("e")[0].replace(".", "").lstrip("0"))
