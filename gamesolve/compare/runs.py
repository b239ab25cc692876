"""Measure one solver on one game."""

import dataclasses
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gamesolve import linear
from gamesolve.compare import lanes
from gamesolve.compare.choices import suited
from gamesolve.compare.costs import spent
from gamesolve.compare.curves import contraction, final, final_floor, median, rounding_floor
from gamesolve.compare.noise import CLEAR
from gamesolve.compare.outcomes import Outcome, equilibrium_of, outcome
from gamesolve.compare.problem import Problem, Settings
from gamesolve.compare.spectra import matrix_at, predict, stability
from gamesolve.compare.timing import prepare_times
from gamesolve.compare.trajectories import Trajectories, trajectories
from gamesolve.compare.tuning import ROUNDS, SIZES, tuned
from gamesolve.compare.vectors import ravel
from gamesolve.driving.solve import Status
from gamesolve.driving.unoptimised import unoptimised
from gamesolve.game import Players
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.trees.faces import shown

# A tuned run that ends above this share of its first distance has made no progress beyond rounding.
PROGRESS = 0.999
# Meanings of the columns of the table.
COLUMNS = {
    "game": "name of the game",
    "solver": "name of the solver",
    "learning_rate": "step size; several, separated by spaces, if each player has its own",
    "status": "converged: the norm of the field fell to 1e-5 (float64: 1e-11) of its first value, and stayed there; "
    "diverged: not finite, or a thousand times farther away than at the start; budget: neither within the steps; "
    "mixed: the seeds differ; n/a: the solver can't run on the game",
    "converged": "number of seeds that converged",
    "diverged": "number of seeds that diverged",
    "seeds": "number of starting points; the columns below are medians over them",
    "tried": "number of step sizes that the search for the best one tried; 0 if the step size was given",
    "distance": "final Euclidean distance to the nearest known equilibrium; empty if none is known. In noisy games its "
    "root mean square over the last half of the run, the noise floor",
    "field_norm": "final Euclidean norm of the field, or of the natural residual under constraints; in noisy games the "
    "root mean square of the mean game's over the last half of the run",
    "contraction": "measured factor per step of the distance (of field_norm if no equilibrium is known), fitted by "
    "least squares to its logarithm over the last half of the run; empty if it can't be measured, as in noisy games",
    "predicted": "spectral radius of the solver's step map at the equilibrium; empty if its steps adapt or change, so "
    "that there is none, in noisy games and under constraints",
    "steps": "steps until the run converged, overflowed or had used its budget",
    "fields": "evaluations of the whole field (every player's gradient once) in these steps",
    "products": "products with the Jacobian of the field, or its transpose, in these steps",
    "iterations": "Krylov iterations of the inner solves in these steps",
    "microseconds": "wall time of one step of a compiled run, without compilation",
    "compile_seconds": "wall time of tracing and compiling that run, beside other work",
    "notes": "reasons for missing or incomplete entries",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table. The entries are the columns of the CSV file."""

    game: str
    solver: str
    learning_rate: str
    status: str
    converged: int
    diverged: int
    seeds: int
    tried: int = 0
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


@shown()
@dataclasses.dataclass(frozen=True)
class Run:
    """The results of one solver on one game.

    Attributes:
        row: its line of the table.
        curves: distance (or norm of the field if no equilibrium is known) after every step, a row per seed, the start
            first; no columns if the solver cannot run on the game.
        path: the first seed's projection on the problem's plane after every step, shape (steps + 1, 2); no rows if
            the solver cannot run on the game.
        spectrum: eigenvalues of the step map; None if there is no prediction.
        point: point at which they were computed.
        spent: evaluations (fields and products with J) after every step, a row per seed, like ``curves``.
        outcomes: how each seed ended.
        progress: whether a run at a tuned step size came nearer than its start. Default: True.
    """

    row: Row
    curves: np.ndarray
    path: np.ndarray
    spectrum: np.ndarray | None
    point: Players | None
    spent: np.ndarray | None = None
    outcomes: tuple[Outcome, ...] = ()
    progress: bool = True


def measure(problem: Problem, entry: SolverEntry, settings: Settings) -> Run:
    """Run one solver on one game.

    Args:
        problem: the game and everything that its runs share.
        entry: the solver, with the cost of its steps.
        settings: settings of the comparison.

    Returns:
        The run: its line of the table, and its curves, path and spectrum. A solver that refuses the game by a
        ValueError, as one for two players refuses a game of three, gives a row with status ``n/a`` and the reason.
    """
    return begin(problem, entry, settings).timed()


class Begun(NamedTuple):
    """A run whose steps have not been timed yet.

    Attributes:
        run: the run, without its times.
        timed: function that times the steps and returns the run with its times.
        cancel: function that gives them up, so that nothing more is compiled for them.
    """

    run: Run
    timed: Callable[[], Run]
    cancel: Callable[[], object]


def begin(problem: Problem, entry: SolverEntry, settings: Settings) -> Begun:
    """Run one solver on one game, all but the timing of its steps: the first part of `measure`.

    Their program is compiled in the background, so that several solvers can begin before the first one is timed.

    Args:
        problem: the game and everything that its runs share.
        entry: the solver, with the cost of its steps.
        settings: settings of the comparison.

    Returns:
        The run, and what times its steps. Call that in the same precision, inside or outside ``jax.enable_x64``.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve import compare, registry
        >>> settings = compare.Settings(steps=100)
        >>> problem = compare.prepare("curl", gs.games.curl(), settings)
        >>> begun = [compare.begin(problem, registry.SOLVERS[name], settings) for name in ("simgd", "ogda")]
        >>> [one.timed().row.microseconds > 0 for one in begun]
        [True, True]
    """
    with unoptimised(problem.light):
        return _begin(problem, entry, settings)


def _begin(problem: Problem, entry: SolverEntry, settings: Settings) -> Begun:
    try:
        if settings.tune:
            settings = dataclasses.replace(settings, learning_rate=tuned(problem, entry, settings))
        solver = lanes.build(suited(problem, entry), problem.game, settings.learning_rate)
        runs = trajectories(problem, solver, settings)
    except ValueError as error:
        refused = _refused(problem, entry, settings, error)
        return Begun(refused, lambda: refused, lambda: None)
    tolerance = linear.default_tolerance(problem.start)
    outcomes = tuple(
        outcome(distances, residuals, tolerance, finite)
        for distances, residuals, finite in zip(runs.distances, runs.residuals, runs.finite, strict=True)
    )
    ends = [ended.steps for ended in outcomes]
    timing = prepare_times(problem.game, solver, problem.start, ends[0], problem.noise)
    point, listed = equilibrium_of(problem, runs, outcomes)
    smooth = problem.noise is None and problem.constraints is None
    predicted, spectrum, notes = predict(problem.game, solver, point) if entry.rated and smooth else (None, None, ())
    costs, uncounted = _costs(entry.cost, runs, outcomes)
    fitted = runs.distances if listed else runs.residuals
    floor = rounding_floor(point if listed else None, fitted)
    away = final if problem.noise is None else final_floor
    field_norm = away(runs.residuals, ends)
    progress = not settings.tune or away(runs.distances[:1], ends[:1]) <= PROGRESS * runs.distances[0, 0]
    row = Row(
        **_names(problem, entry, settings),
        **_statuses(outcomes),
        distance=away(runs.distances, ends) if problem.game.equilibria else None,
        field_norm=field_norm,
        contraction=median(contraction(curve, floor) for curve in fitted) if problem.noise is None else None,
        predicted=predicted,
        **costs,
        notes="; ".join(
            [
                *notes,
                *_warnings(problem, runs, outcomes, point),
                *uncounted,
                *_blurred(problem, field_norm),
                *["no step size made progress"] * (not progress),
            ]
        ),
    )
    taken = _spent(problem, entry.cost, runs)

    run = Run(row, runs.distances, runs.path[0], spectrum, point, taken, outcomes, bool(progress))
    return Begun(run, partial(_timed, run, timing.times), timing.cancel)


def _timed(run: Run, times: Callable[[], tuple[float, float]]) -> Run:
    microseconds, compile_seconds = times()
    row = dataclasses.replace(run.row, microseconds=microseconds, compile_seconds=compile_seconds)
    return dataclasses.replace(run, row=row)


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
    return {"game": problem.name, "solver": entry.name, "learning_rate": rates, "seeds": settings.seeds} | {
        "tried": SIZES * ROUNDS * settings.tune
    }


def _statuses(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    statuses = [ended.status for ended in outcomes]
    return {
        "status": statuses[0].name.lower() if len(set(statuses)) == 1 else "mixed",
        "converged": statuses.count(Status.CONVERGED),
        "diverged": statuses.count(Status.DIVERGED),
    }


def _spent(problem: Problem, cost: Cost, runs: Trajectories) -> np.ndarray:
    """Return the evaluations after every step, row by row; a dense solve counts a product per unknown."""
    counts = np.pad(runs.iterations, ((0, 0), (1, 0)))
    steps = np.broadcast_to(np.arange(counts.shape[1]), counts.shape)
    iterations = np.cumsum(counts, axis=1) if counts.any() else steps * ravel(problem.start).size
    return sum(spent(cost, steps, iterations).values(), start=np.zeros(counts.shape))


def _costs(cost: Cost, runs: Trajectories, outcomes: Sequence[Outcome]) -> tuple[dict[str, Any], list[str]]:
    """Return the columns of costs, and a note if they are incomplete."""
    steps = float(statistics.median(ended.steps for ended in outcomes))
    iterations = statistics.median(
        int(counts[: ended.steps].sum()) for counts, ended in zip(runs.iterations, outcomes, strict=True)
    )
    counts = spent(cost, steps, iterations)
    columns = {
        "steps": steps,
        "fields": counts["fields"],
        "products": counts["jvps"] + counts["vjps"],
        "iterations": iterations,
    }
    missing = cost.jvps_per_iteration + cost.vjps_per_iteration and steps and not iterations
    return columns, ["products of its dense inner solves are not counted"] if missing else []


def _warnings(
    problem: Problem, runs: Trajectories, outcomes: Sequence[Outcome], point: Players | None
) -> Iterator[str]:
    converged = any(ended.status is Status.CONVERGED for ended in outcomes)
    if converged and problem.constraints is None and stability(matrix_at(problem.game, point)) == "unstable":
        yield "converged to an equilibrium that is unstable under the flow of the field"
    failed = sum(
        int(counts[: ended.steps].max(initial=0)) for counts, ended in zip(runs.fallbacks, outcomes, strict=True)
    )
    if failed:
        yield f"inner solves that failed, so that a step took the explicit direction: {failed}"


def _blurred(problem: Problem, floor: float) -> Iterator[str]:
    """Say if a residual floor is measured on a mean game that is too coarse for it; distances do not depend on it."""
    noise = problem.noise
    if noise is not None and not problem.game.equilibria and noise.error > CLEAR * floor:
        draws = f"the mean of {noise.weight:.0f} draws"
        yield f"{draws}, on which the floor is measured, is off by {noise.error:.1e} itself"
