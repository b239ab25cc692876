"""Run methods that are Python loops on NumPy vectors, start by start, and record them as `lanes` records solvers."""

import contextlib
import dataclasses
import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.compare.lanes import Lanes
from gamesolve.compare.vectors import ravel
from gamesolve.game import Game, Players
from gamesolve.solvers.entry import Cost

Field = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Loop:
    """A method that calls the field of a game and needs no step size. It costs as many fields as it calls.

    Attributes:
        name: name in tables and on the command line.
        find: ``find(field, start)`` looks for a zero of ``field``, a function from vectors to vectors of NumPy. What it
            returns does not count: a run is at the point with the smallest field that it has seen so far.
        formula: one step, in words or symbols.
        paper: where the method is from.
    """

    name: str
    find: Callable[[Field, np.ndarray], Any]
    formula: str
    paper: str
    cost: Cost = dataclasses.field(default=Cost())


class _SpentError(Exception):
    pass


def run(game: Game, loop: Loop, starts: Players, budget: int) -> Lanes:
    """Run a loop from every start until it ends or has called the field ``budget`` times.

    Args:
        game: the game.
        loop: the method.
        starts: players with a leading axis for the starts.
        budget: number of fields per start.

    Returns:
        The runs, with a row for each field. After its end, a run stays where it is.
    """
    vectors = np.asarray(jax.vmap(ravel)(starts))
    _, unravel = jax.flatten_util.ravel_pytree(jax.tree.map(lambda leaf: leaf[0], starts))
    compiled = jax.jit(lambda game, flat: ravel(game.field(unravel(flat))))
    began = time.perf_counter()
    field = functools.partial(compiled.lower(game, jnp.asarray(vectors[0])).compile(), game)
    compiled_at = time.perf_counter()
    points = np.stack([_watched(loop.find, field, start, budget) for start in vectors])
    seconds = time.perf_counter() - compiled_at
    return Lanes(points, np.zeros(points.shape[:2], int), 1, seconds, compiled_at - began)


def _watched(
    find: Callable[[Field, np.ndarray], Any], field: Callable[[jax.Array], jax.Array], start: np.ndarray, budget: int
) -> np.ndarray:
    """Return the best point after each call of the field, shape (budget, n)."""
    rows, best, smallest = [], start, np.inf

    def watched(point: np.ndarray) -> np.ndarray:
        nonlocal best, smallest
        if len(rows) == budget:
            raise _SpentError
        value = np.asarray(field(jnp.asarray(point, start.dtype)))
        size = float(np.linalg.norm(value))
        if size < smallest:
            best, smallest = np.array(point, start.dtype), size
        rows.append(best)
        return value

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of searches that fail, which the rows show as well
        with contextlib.suppress(_SpentError, ValueError, ArithmeticError, np.linalg.LinAlgError):
            find(watched, start)
    rows.extend([best] * (budget - len(rows)))
    return np.stack(rows)
