"""Gather the data of one game's figure, as plain arrays."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import jax.flatten_util
import numpy as np

from gamesolve.compare.plane import Plane
from gamesolve.compare.problem import Problem
from gamesolve.compare.runs import Run
from gamesolve.compare.spectra import matrix_at
from gamesolve.compare.vectors import ravel
from gamesolve.driving.unoptimised import jit_either, unoptimised
from gamesolve.game import Game, Players
from gamesolve.trees.faces import shown


@shown()
@dataclasses.dataclass(frozen=True)
class Picture:
    """The data of one game's figure.

    Attributes:
        title: the game and the step size.
        paths: each solver's path in the plane; no rows if it cannot run on the game.
        curves: each solver's curves, see `Run`.
        quantity: the quantity that the curves show.
        eigenvalues: eigenvalues of J; None if the game is too large.
        place: name of the point at which they were computed.
        spectra: eigenvalues of each solver's step map, if it has any.
        field: function from points of the plane, shape (m, 2), to the projected field at these points.
        equilibrium: coordinates of the equilibrium, or None.
        axes: labels of the two axes of the plane.
        view: description of the plane.
        missing: why a solver's step map has no eigenvalues, by name of the solver.
    """

    title: str
    paths: dict[str, np.ndarray]
    curves: dict[str, np.ndarray]
    quantity: str
    eigenvalues: np.ndarray | None
    place: str
    spectra: dict[str, np.ndarray]
    field: Callable[[np.ndarray], np.ndarray]
    equilibrium: np.ndarray | None
    axes: tuple[str, str]
    view: str
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)


def picture(problem: Problem, runs: Sequence[Run]) -> Picture:
    """Gather the data of one game's figure.

    Args:
        problem: the game.
        runs: the runs of its solvers.

    Returns:
        The picture. J's eigenvalues are those at the known equilibrium, else at the point to which a run converged,
        else at the start.
    """
    place, point = "equilibrium", problem.equilibrium
    if point is None:
        place, point = "point reached", next((run.point for run in runs if run.point is not None), None)
    if point is None:
        place, point = "start", problem.start
    with unoptimised(problem.light):
        matrix = matrix_at(problem.game, point)
    plane = jax.tree.map(np.asarray, problem.plane._replace(anchor=ravel(point)))
    marked = None if place == "start" else plane.project(plane.anchor)
    return Picture(
        title=f"{problem.name}, {_sizes(runs)}",
        paths={run.row.solver: run.path for run in runs},
        curves={run.row.solver: run.curves for run in runs},
        quantity=_quantity(problem),
        eigenvalues=None if matrix is None else np.linalg.eigvals(matrix),
        place=place,
        spectra={run.row.solver: run.spectrum for run in runs if run.spectrum is not None},
        field=partial(_field, problem, plane),
        equilibrium=marked,
        axes=problem.axes,
        view=problem.view,
        missing={run.row.solver: _reason(problem, run) for run in runs if run.spectrum is None},
    )


def _field(problem: Problem, plane: Plane, points: np.ndarray) -> np.ndarray:
    with unoptimised(problem.light):
        return np.asarray(_slice(problem.game, plane, problem.start, points))


def _reason(problem: Problem, run: Run) -> str:
    """Say why a solver's step map has no eigenvalues."""
    notes = [note.removeprefix("no prediction, ") for note in run.row.notes.split("; ") if "no prediction, " in note]
    if notes:
        return notes[0]
    if problem.noise is not None:
        return "the game is noisy"
    return "its step size varies" if problem.constraints is None else "the game is constrained"


def _sizes(runs: Sequence[Run]) -> str:
    """Return the step size of all solvers, or say that each has its own."""
    row = runs[0].row
    return "each solver at its best step size" if row.tried else f"step size {row.learning_rate}"


def _quantity(problem: Problem) -> str:
    if problem.game.equilibria:
        return "distance to the equilibrium"
    return "norm of the field" if problem.constraints is None else "natural residual"


@jit_either
def _slice(game: Game, plane: Plane, like: Players, points: jax.Array) -> jax.Array:
    """Return the field at points of a plane, projected on the plane."""
    _, unravel = jax.flatten_util.ravel_pytree(like)
    points = points.astype(plane.anchor.dtype)
    return jax.vmap(lambda point: plane.directions @ ravel(game.field(unravel(plane.lift(point)))))(points)
