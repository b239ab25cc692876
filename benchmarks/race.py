"""One cell of a race: tune a solver on a game, test it from other starts, and account for what it spent."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from benchmarks import lanes, statistics
from benchmarks.suite import STEP_SIZES, TUNING_SEEDS, Entry, Race, Settings
from gamesolve import analysis, compare
from gamesolve.compare import curves, outcomes
from gamesolve.compare.trajectories import Trajectories
from gamesolve.compare.vectors import ravel
from gamesolve.registry import Cost, SolverEntry

# Random starts of the tuning and of the test; a run's noise has the same seed as its start.
TUNE, TEST = 1, 2
# Points of a curve that are kept, evenly spaced in the logarithm of the step.
KEPT = 40


@dataclasses.dataclass(frozen=True)
class Play:
    """The runs of one solver from one set of starts, with what each point had spent; row 0 is the start."""

    problem: compare.Problem
    run: lanes.Lanes
    ledger: dict[str, np.ndarray]
    values: np.ndarray
    residuals: np.ndarray
    within: np.ndarray

    def last(self) -> np.ndarray:
        """Return the row of each lane at which its budget ended."""
        return self.within.sum(axis=1) - 1


def cell(
    suite: Race, game: Entry, solver: SolverEntry, settings: Settings
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Compute a cell.

    Returns:
        Its summary, with the keys of `schema.CELL`, and its curve points; only a note where the solver refuses the
        game by a ValueError.
    """
    budget = settings.budget or game.budget or suite.budget
    try:
        tuning, rate = _tune(game, solver, settings, budget)
        play = _play(game, solver, np.full(settings.seeds, rate), TEST, budget)
    except ValueError as error:
        return {"note": next(iter(str(error).strip().splitlines()), "it refuses the game")}, None
    last = play.last()
    lanes_of = np.arange(len(last))
    shown = np.where(play.within, play.values, np.inf)
    summary = {
        "status": _statuses(suite, game, play),
        "learning_rate": rate,
        "tuning": {f"{size:.6g}": _number(value) for size, value in zip(STEP_SIZES, tuning, strict=True)},
        "at_edge": rate in (STEP_SIZES[0], STEP_SIZES[-1]),
        "first": [_number(value) for value in play.values[:, 0]],
        "final": [_number(value) for value in play.values[lanes_of, last]],
        "to_target": [
            _number(value)
            for value in statistics.to_target(play.ledger["spent"], shown, suite.target * play.values[:, 0])
        ],
        "target": suite.target,
        "budget": budget,
        "lanes": settings.seeds,
        "steps": int(play.ledger["step"][-1]),
        "flops_per_step": _flops(play, game, solver),
        "seconds": play.run.seconds,
        "compile_seconds": play.run.compile_seconds,
        "note": "",
    } | _rates(suite, play, solver, rate)
    return summary, _points(play, rate, summary)


def _tune(game: Entry, solver: SolverEntry, settings: Settings, budget: int) -> tuple[np.ndarray, float]:
    """Return the median final value of each step size, and the step size where it is least."""
    rates = np.repeat(STEP_SIZES, TUNING_SEEDS)
    # Batches of as many lanes as the test has, so that one program serves both.
    size = settings.seeds
    padded = np.concatenate([rates, np.full(-len(rates) % size, rates[-1])])
    seeds = np.resize(np.arange(TUNING_SEEDS), len(padded))
    finals = []
    for begin in range(0, len(padded), size):
        play = _play(game, solver, padded[begin : begin + size], TUNE, budget, seeds[begin : begin + size])
        last = play.last()
        finals.append(play.values[np.arange(size), last])
    ends = np.nan_to_num(np.concatenate(finals)[: len(rates)], nan=np.inf, posinf=np.inf)
    medians = np.median(ends.reshape(len(STEP_SIZES), TUNING_SEEDS), axis=1)
    return medians, STEP_SIZES[int(np.argmin(medians))]


def _play(
    game: Entry, solver: SolverEntry, rates: np.ndarray, seed: int, budget: int, which: np.ndarray | None = None
) -> Play:
    which = np.arange(len(rates)) if which is None else which
    problem = _problem(game, seed, int(which.max()) + 1)
    starts = jax.tree.map(lambda leaf: leaf[which], problem.starts)
    keys = jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.asarray(which))
    sample = None if game.sample is None else game.sample(problem.game)
    steps = max(1, int(budget / solver.cost.products()))
    run = lanes.run(problem.game, solver, rates, starts, keys, sample, steps)
    first = jax.vmap(ravel)(starts)[:, None]
    points = np.concatenate([first, run.points], axis=1)
    # As many rows for all solvers, so that one program measures them.
    rows = 1 + (budget if run.every == 1 else 2 * lanes.FEW_ROWS)
    padded = np.pad(points, ((0, 0), (0, max(0, rows - points.shape[1])), (0, 0)), mode="edge")
    values, residuals = lanes.measures(problem.game, game.measure, problem.start, padded)
    size = points.shape[1]
    ledger = _ledger(solver.cost, run, game.batch)
    within = ledger["spent"] <= budget * (1 + 1e-9)
    within[:, 0] = True
    return Play(problem, run, ledger, values[:, :size], residuals[:, :size], within)


def _problem(game: Entry, seed: int, number: int) -> compare.Problem:
    """Return the game with random starts; two are drawn at least, since compare takes one to mean the game's own."""
    problem = compare.prepare(game.name, game.make(), compare.Settings(seeds=max(2, number), seed=seed))
    if game.draw is None:
        return problem
    keys = jax.random.split(jax.random.key(seed), max(2, number))
    draw = game.draw
    return dataclasses.replace(problem, starts=jax.vmap(lambda key: draw(key, problem.game))(keys))


def _ledger(cost: Cost, run: lanes.Lanes, batch: int) -> dict[str, np.ndarray]:
    """Return what each row had spent; row 0 is the start."""
    number, rows, _ = run.points.shape
    step = run.every * np.arange(rows + 1)
    steps = np.broadcast_to(step.astype(float), (number, rows + 1))
    iterations = np.concatenate([np.zeros((number, 1)), run.iterations.astype(float)], axis=1)
    jvps = cost.jvps * steps + cost.jvps_per_iteration * iterations
    vjps = cost.vjps * steps + cost.vjps_per_iteration * iterations
    fields = cost.fields * steps
    return {
        "step": step,
        "fields": fields,
        "jvps": jvps,
        "vjps": vjps,
        "iterations": iterations,
        "samples": batch * steps,
        "spent": fields + jvps + vjps,
    }


def _statuses(suite: Race, game: Entry, play: Play) -> dict[str, int]:
    names = []
    for lane, last in enumerate(play.last()):
        values, residuals = play.values[lane, : last + 1], play.residuals[lane, : last + 1]
        if game.measure is None:
            name = _outcome(play.problem, values, residuals)
        elif not np.isfinite(values).all():
            name = "diverged"
        else:
            name = "converged" if values[-1] <= 1e-3 * suite.target * values[0] else "budget"
        names.append("cycling" if name == "budget" and statistics.cycling(values) else name)
    return {name: names.count(name) for name in ("converged", "diverged", "cycling", "budget")}


def _outcome(problem: compare.Problem, values: np.ndarray, residuals: np.ndarray) -> str:
    finite = np.isfinite(values[-1:]) & np.isfinite(residuals[-1:])
    nothing = np.zeros((1, 0))
    runs = Trajectories(problem.start, finite, values[None], residuals[None], nothing, nothing)
    return outcomes.outcome(problem, runs, 0).status


def _rates(suite: Race, play: Play, solver: SolverEntry, rate: float) -> dict[str, float | None]:
    """Return the measured contraction, and the predicted one where the game and the solver have it."""
    known = play.problem.equilibrium
    if not suite.rated or known is None or not solver.rated or play.run.every > 1:
        return {"contraction": None, "predicted": None}
    floor = curves.rounding_floor(known, play.values)
    measured = curves.median(curves.contraction(curve, floor) for curve in play.values)
    if measured is None:
        return {"contraction": None, "predicted": None}
    try:
        predicted = float(analysis.rate(play.problem.game, lanes.build(solver, play.problem.game, rate), known))
    except ValueError:
        predicted = None
    return {"contraction": _number(measured), "predicted": predicted}


def _flops(play: Play, game: Entry, solver: SolverEntry) -> float:
    sample = None if game.sample is None else game.sample(play.problem.game)
    return lanes.flops(play.problem.game, solver, play.problem.start, sample)


def _points(play: Play, rate: float, summary: dict[str, Any]) -> pd.DataFrame:
    """Return the points that are kept, a row for each."""
    frames = []
    each = play.run.seconds / len(play.values)
    for lane, last in enumerate(play.last()):
        rows = np.unique(np.concatenate([[0], np.geomspace(1, max(1, last), KEPT)]).astype(int))
        rows = rows[rows <= last]
        frame = {name: (column if name == "step" else column[lane])[rows] for name, column in play.ledger.items()}
        step = frame["step"]
        frame |= {"seed": np.full(len(rows), lane), "learning_rate": np.full(len(rows), rate)}
        frame |= {"flops": summary["flops_per_step"] * step, "seconds": each * step / max(1, summary["steps"])}
        frame |= {"value": play.values[lane][rows].astype(float), "residual": play.residuals[lane][rows].astype(float)}
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
