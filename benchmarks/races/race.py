"""Compute one cell of a race: tune a solver on a game, test it from other starts, and account for its costs."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from benchmarks.outside import Method, loop
from benchmarks.outside.loop import Loop
from benchmarks.suites.suite import STEP_SIZES, TUNING_SEEDS, Entry, Race
from gamesolve import Status, analysis, compare, linear, registry
from gamesolve.compare import curves, lanes, outcomes, profiles
from gamesolve.compare.costs import spent
from gamesolve.compare.vectors import ravel
from gamesolve.solvers.entry import Cost, SolverEntry

# Seeds of the random starts of the tuning and of the test; a run's noise has the same seed as its start.
TUNE, TEST = 1, 2
# Points of a curve that are kept, evenly spaced in the logarithm of the step.
KEPT = 40

_CACHE: lanes.Cache = {}


@dataclasses.dataclass(frozen=True)
class Play:
    """The runs of one solver from one set of starts; row 0 is the start.

    Attributes:
        ledger: what each run had spent at each row, by column of the points; shape (lanes, rows).
        values, residuals: the measure and the norm of the field, likewise.
        within: whether the run was within its budget.
    """

    problem: compare.Problem
    run: lanes.Lanes
    ledger: dict[str, np.ndarray]
    values: np.ndarray
    residuals: np.ndarray
    within: np.ndarray

    @property
    def last(self) -> np.ndarray:
        """The row of each lane at which its budget ended."""
        return self.within.sum(axis=1) - 1

    def ended(self, column: np.ndarray) -> np.ndarray:
        """Return each lane's entry in that row."""
        return column[np.arange(len(column)), self.last]


def cell(
    suite: Race, game: Entry, solver: Method, budget: int, seeds: int
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Compute a cell.

    Args:
        suite: the suite.
        game: one of its games.
        solver: one of its solvers.
        budget: fields and products per run.
        seeds: number of test starts.

    Returns:
        Its summary, with the keys of `schema.CELL`, and its curve points; only a note if the solver refuses the game
        by a ValueError.
    """
    target = game.target or suite.target
    try:
        tuning, rate = _tune(game, solver, seeds, budget)
        play = _play(game, solver, np.full(seeds, rate), TEST, budget)
    except ValueError as error:
        return {"note": next(iter(str(error).strip().splitlines()), "it refuses the game")}, None
    problem, run, ledger = play.problem, play.run, play.ledger
    summary = {
        "status": _statuses(game, play, target),
        "flow": compare.stability(problem.jacobian),
        "learning_rate": rate,
        "tuning": {f"{size:.6g}": _number(value) for size, value in zip(STEP_SIZES, tuning, strict=True)},
        "at_edge": rate in (STEP_SIZES[0], STEP_SIZES[-1]),
        "first": _numbers(play.values[:, 0]),
        "final": _numbers(play.ended(play.values)),
        "to_target": _to_target(play, target),
        "target": target,
        "budget": budget,
        "lanes": seeds,
        "steps": int(ledger["step"][0, -1]),
        "flops_per_step": lanes.flops(problem.game, _counted(solver), problem.start, _sampler(game, problem), _CACHE),
        "products_per_step": float(np.median(play.ended(ledger["spent"]) / np.maximum(play.ended(ledger["step"]), 1))),
        "seconds": run.seconds,
        "seconds_per_product": run.seconds / ledger["spent"][:, -1].sum(),
        "compile_seconds": run.compile_seconds,
        "note": "",
    } | _rates(suite, play, solver, rate)
    return summary, _points(play, summary)


def _tune(game: Entry, solver: Method, size: int, budget: int) -> tuple[np.ndarray, float]:
    """Return the median final value of each step size, and the step size where it is smallest."""
    if isinstance(solver, Loop):  # it has no step size
        return np.full(len(STEP_SIZES), np.nan), 1.0
    rates = np.repeat(STEP_SIZES, TUNING_SEEDS)
    # Batches of as many lanes as the test has, so that one program serves both.
    padded = np.concatenate([rates, np.full(-len(rates) % size, rates[-1])])
    seeds = np.resize(np.arange(TUNING_SEEDS), len(padded))
    plays = (
        _play(game, solver, padded[begin : begin + size], TUNE, budget, seeds[begin : begin + size])
        for begin in range(0, len(padded), size)
    )
    finals = np.concatenate([play.ended(play.values) for play in plays])[: len(rates)]
    ends = np.nan_to_num(finals, nan=np.inf, posinf=np.inf)
    medians = np.median(ends.reshape(len(STEP_SIZES), TUNING_SEEDS), axis=1)
    return medians, STEP_SIZES[int(np.argmin(medians))]


def _play(
    game: Entry, solver: Method, rates: np.ndarray, seed: int, budget: int, which: np.ndarray | None = None
) -> Play:
    which = np.arange(len(rates)) if which is None else which
    # Two starts at least: compare takes one to mean the game's own.
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    problem = _problem(game, seed, max(2, int(which.max()) + 1), device, jnp.result_type(float))
    starts = jax.tree.map(lambda leaf: leaf[which], problem.starts)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.asarray(which))
    if isinstance(solver, Loop):
        run = loop.run(problem.game, solver, starts, budget)
    else:
        run = lanes.run(problem.game, solver, rates, starts, keys, _sampler(game, problem), budget, _CACHE)
    points = np.concatenate([jax.vmap(ravel)(starts)[:, None], run.points], axis=1)
    size = points.shape[1]
    # Equally many rows for all solvers, so that one program measures them.
    rows = 1 + (budget if run.every == 1 else 2 * lanes.FEW_ROWS)
    padded = np.pad(points, ((0, 0), (0, max(0, rows - size)), (0, 0)), mode="edge")
    values, residuals = lanes.measures(problem.game, game.measure, problem.start, padded)
    ledger = _ledger(problem, solver.cost, run, game.batch)
    within = ledger["spent"] <= budget * (1 + 1e-9)
    within[:, 0] = True
    return Play(problem, run, ledger, values[:, :size], residuals[:, :size], within)


def _counted(solver: Method) -> SolverEntry:
    """Return the solver whose operations per step are those of this method: of a loop its fields alone count."""
    return registry.SOLVERS["simgd"] if isinstance(solver, Loop) else solver


def _sampler(game: Entry, problem: compare.Problem) -> Any:
    return None if game.sample is None else game.sample(problem.game)


@functools.lru_cache(maxsize=4)
def _problem(game: Entry, seed: int, number: int, *where: Any) -> compare.Problem:
    """Return the game with random starts."""
    del where  # arrays belong to one device and have one precision
    problem = compare.prepare(game.name, game.make(), compare.Settings(steps=1, seeds=number, seed=seed))
    if game.draw is None:
        return problem
    draw, keys = game.draw, jax.random.split(jax.random.key(seed), number)
    return dataclasses.replace(problem, starts=jax.vmap(lambda key: draw(key, problem.game))(keys))


def _ledger(problem: compare.Problem, cost: Cost, run: lanes.Lanes, batch: int) -> dict[str, np.ndarray]:
    """Return the costs until each row; row 0 is the start."""
    number, rows, _ = run.points.shape
    steps = np.broadcast_to(run.every * np.arange(rows + 1.0), (number, rows + 1))
    iterations = np.pad(run.iterations.astype(float), ((0, 0), (1, 0)))
    # A dense solve reports no iterations, but it needs a product per unknown to have the matrix: all players' unknowns,
    # or one's if there are two players and blocks suffice.
    sizes = [ravel(player).size for player in problem.start]
    unknowns = sum(sizes) if len(sizes) > 2 or cost.jvps_per_iteration else min(sizes)
    counts = spent(cost, steps, iterations if iterations.any() else unknowns * steps)
    ledger = {"step": steps, **counts, "iterations": iterations, "samples": batch * steps}
    return ledger | {"spent": counts["fields"] + counts["jvps"] + counts["vjps"]}


def _to_target(play: Play, target: float) -> dict[str, list[float | None]]:
    """Return what each seed had spent of everything when its value first fell to the target."""
    values, goal = np.where(play.within, play.values, np.inf), target * play.values[:, 0]
    return {name: _numbers(profiles.to_target(column, values, goal)) for name, column in play.ledger.items()}


def _statuses(game: Entry, play: Play, target: float) -> dict[str, int]:
    names = []
    for lane, last in enumerate(play.last):
        values, residuals = play.values[lane, : last + 1], play.residuals[lane, : last + 1]
        if game.measure is None:
            finite = bool(np.isfinite(values[-1]) and np.isfinite(residuals[-1]))
            status = outcomes.outcome(values, residuals, linear.default_tolerance(play.problem.start), finite).status
        elif not np.isfinite(values).all():
            status = Status.DIVERGED
        else:
            status = Status.CONVERGED if values[-1] <= 1e-3 * target * values[0] else Status.BUDGET
        # Noise makes every run go back and forth.
        cycles = game.sample is None and profiles.cycling(values[1:], play.run.points[lane, :last])
        names.append("cycling" if status is Status.BUDGET and cycles else status.name.lower())
    return {name: names.count(name) for name in ("converged", "diverged", "cycling", "budget")}


def _rates(suite: Race, play: Play, solver: Method, rate: float) -> dict[str, float | None]:
    """Return the measured contraction, and the predicted one if the game and the solver have it."""
    missing: dict[str, float | None] = {"contraction": None, "predicted": None}
    known = play.problem.equilibrium
    # Games too large for a dense step map are not near their rates by the end of a run either.
    if (
        isinstance(solver, Loop)
        or not suite.rated
        or known is None
        or not solver.rated
        or play.problem.jacobian is None
    ):
        return missing
    floor = curves.rounding_floor(known, play.values)
    ends = zip(play.values, play.last, strict=True)
    measured = curves.median(curves.contraction(curve[: last + 1], floor) for curve, last in ends)
    if measured is None:
        return missing
    try:
        predicted = float(analysis.rate(play.problem.game, lanes.build(solver, play.problem.game, rate), known))
    except ValueError:
        predicted = None
    return {"contraction": _number(measured), "predicted": predicted}


def _points(play: Play, summary: dict[str, Any]) -> pd.DataFrame:
    """Return the points that are kept, a row for each."""
    frames = []
    for lane, last in enumerate(play.last):
        rows = np.unique(np.concatenate([[0], np.geomspace(1, max(1, last), KEPT)]).astype(int))
        rows = rows[rows <= last]
        frame = {name: column[lane][rows] for name, column in play.ledger.items()}
        frame |= {
            "flops": summary["flops_per_step"] * frame["step"],
            "seconds": summary["seconds_per_product"] * frame["spent"],
            "value": play.values[lane][rows].astype(float),
            "residual": play.residuals[lane][rows].astype(float),
        }
        frames.append(pd.DataFrame(frame).assign(seed=lane, learning_rate=summary["learning_rate"]))
    return pd.concat(frames, ignore_index=True)


def _numbers(values: np.ndarray) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
