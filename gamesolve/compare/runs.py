"""Measure one solver on one game."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from gamesolve.compare.curves import contraction, final, median, rounding_floor
from gamesolve.compare.outcomes import Outcome, equilibrium_of, outcome
from gamesolve.compare.problem import Problem, Settings
from gamesolve.compare.spectra import matrix_at, predict, stability
from gamesolve.compare.timing import time_steps
from gamesolve.compare.trajectories import Trajectories, trajectories
from gamesolve.game import Players
from gamesolve.solvers.entry import SolverEntry

UNRATED = "no prediction, its steps have no fixed linear rate"


# What the columns mean.
COLUMNS = {
    "game": "name of the game",
    "solver": "name of the solver",
    "learning_rate": "step size, separated by spaces where each player has its own",
    "status": "converged: the norm of the field fell to 1e-5 (float64: 1e-11) of what it was, and stayed there; "
    "diverged: not finite, or a thousand times farther away than at the start; budget: neither within the steps; "
    "mixed: the seeds differ; n/a: the solver can't run on the game",
    "converged": "number of seeds that converged",
    "diverged": "number of seeds that diverged",
    "seeds": "number of starting points; the columns below are medians over them",
    "distance": "final Euclidean distance to the nearest known equilibrium; empty where none is known",
    "field_norm": "final Euclidean norm of the field",
    "contraction": "measured factor per step of the distance (of field_norm where that is what there is), fitted by "
    "least squares to its logarithm over the last half of the run; empty where it can't be measured",
    "predicted": "spectral radius of the solver's step map at the equilibrium; empty where it has none",
    "steps": "steps taken until the run converged, overflowed or had spent its budget",
    "fields": "evaluations of the whole field (every player's gradient once) in these steps",
    "products": "products with the Jacobian of the field, or its transpose, in these steps",
    "iterations": "Krylov iterations of the inner solves in these steps",
    "microseconds": "wall time of one step of a compiled run, without compilation",
    "compile_seconds": "wall time of tracing and compiling that run",
    "notes": "what is left out above, and why",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; the entries are those of the CSV file, and its manifest says what they mean."""

    game: str
    solver: str
    learning_rate: str
    status: str
    converged: int
    diverged: int
    seeds: int
    distance: float | None = None
    field_norm: float | None = None
    contraction: float | None = None
    predicted: float | None = None
    steps: float | None = None
    fields: float | None = None
    products: float | None = None
    iterations: float | None = None
    microseconds: float | None = None
    compile_seconds: float | None = None
    notes: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """What one solver did on one game.

    Attributes:
        row: its line of the table.
        curves: distance (or norm of the field, where no equilibrium is known) after every step, a row per seed, the
            start first; no columns where the solver can't run on the game.
        path: the first seed's projection on the problem's plane after every step, shape (steps + 1, 2); no rows
            where the solver can't run.
        spectrum: eigenvalues of the step map; None where there is no prediction.
        point: where they were taken.
    """

    row: Row
    curves: np.ndarray
    path: np.ndarray
    spectrum: np.ndarray | None
    point: Players | None


def measure(problem: Problem, entry: SolverEntry, settings: Settings) -> Run:
    """Run one solver on one game.

    Args:
        problem: the game and what its runs share.
        entry: the solver, with what its steps cost.
        settings: of the comparison.

    Returns:
        The run: its line of the table, and its curves, path and spectrum. A solver that refuses the game by a
        ValueError, as one for two players does a game of three, gives a row with status ``n/a`` that says why.
    """
    try:
        solver = entry.build(settings.learning_rate)
        runs = trajectories(problem, solver, settings)
    except ValueError as error:
        return _refused(problem, entry, settings, error)
    outcomes = [outcome(problem, runs, seed) for seed in range(settings.seeds)]
    point, listed = equilibrium_of(problem, runs, outcomes)
    predicted, spectrum, notes = predict(problem.game, solver, point) if entry.rated else (None, None, (UNRATED,))
    costs, uncounted = _costs(entry, runs, outcomes)
    notes = [*notes, *_warnings(problem, outcomes, point), *uncounted]
    curves = runs.distances if problem.game.equilibria else runs.residuals
    fitted = runs.distances if listed else runs.residuals
    floor = rounding_floor(point if listed else None, fitted)
    ends = [ended.steps for ended in outcomes]
    microseconds, compile_seconds = time_steps(problem.game, solver, problem.start, ends[0])
    row = Row(
        **_names(problem, entry, settings),
        **_statuses(outcomes),
        distance=final(curves, ends) if problem.game.equilibria else None,
        field_norm=final(runs.residuals, ends),
        contraction=median(contraction(curve, floor) for curve in fitted),
        predicted=predicted,
        **costs,
        microseconds=microseconds,
        compile_seconds=compile_seconds,
        notes="; ".join(notes),
    )
    return Run(row, curves, runs.path[0], spectrum, point)


def _refused(problem: Problem, entry: SolverEntry, settings: Settings, error: ValueError) -> Run:
    sentence = next(iter(str(error).strip().splitlines()), "it can't run on this game")
    row = Row(
        **_names(problem, entry, settings),
        status="n/a",
        converged=0,
        diverged=0,
        notes=sentence.rstrip(".").replace("; ", ", "),  # semicolons separate notes
    )
    return Run(row, np.empty((settings.seeds, 0)), np.empty((0, 2)), None, None)


def _names(problem: Problem, entry: SolverEntry, settings: Settings) -> dict[str, Any]:
    rates = " ".join(f"{rate:g}" for rate in np.atleast_1d(settings.learning_rate))
    return {"game": problem.name, "solver": entry.name, "learning_rate": rates, "seeds": settings.seeds}


def _statuses(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    statuses = [ended.status for ended in outcomes]
    return {
        "status": statuses[0] if len(set(statuses)) == 1 else "mixed",
        "converged": statuses.count("converged"),
        "diverged": statuses.count("diverged"),
    }


def _costs(entry: SolverEntry, runs: Trajectories, outcomes: Sequence[Outcome]) -> tuple[dict[str, Any], list[str]]:
    """Return the columns that say what the steps cost, and a note if they leave something out."""
    cost = entry.cost
    inner = cost.jvps_per_iteration + cost.vjps_per_iteration
    steps = float(statistics.median(ended.steps for ended in outcomes))
    iterations = statistics.median(
        int(spent[: ended.steps].sum()) for spent, ended in zip(runs.iterations, outcomes, strict=True)
    )
    columns = {
        "steps": steps,
        "fields": cost.fields * steps,
        "products": (cost.jvps + cost.vjps) * steps + inner * iterations,
        "iterations": iterations,
    }
    missing = inner and steps and not iterations
    return columns, ["products of its dense inner solves are not counted"] if missing else []


def _warnings(problem: Problem, outcomes: Sequence[Outcome], point: Players | None) -> list[str]:
    settled = any(ended.status == "converged" for ended in outcomes)
    if settled and stability(matrix_at(problem.game, point)) == "unstable":
        return ["converged to an equilibrium that the flow of the field leaves"]
    return []
