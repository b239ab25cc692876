"""One cell of a race: tune a solver on a game, test it from other starts, and account for what it spent."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from benchmarks.races import lanes, statistics
from benchmarks.suites.suite import STEP_SIZES, TUNING_SEEDS, Entry, Race
from gamesolve import analysis, compare
from gamesolve.compare import curves, outcomes
from gamesolve.compare.spectra import stability
from gamesolve.compare.trajectories import Trajectories
from gamesolve.compare.vectors import ravel
from gamesolve.solvers.entry import Cost, SolverEntry

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

    def ended(self, column: str) -> np.ndarray:
        """Return what each lane had spent of something when its budget ended."""
        return self.ledger[column][np.arange(len(self.values)), self.last()]


def cell(
    suite: Race, game: Entry, solver: SolverEntry, budget: int, seeds: int
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Compute a cell.

    Args:
        suite: the suite.
        game: one of its games.
        solver: one of its solvers.
        budget: what a run may spend.
        seeds: number of test starts.

    Returns:
        Its summary, with the keys of `schema.CELL`, and its curve points; only a note where the solver refuses the
        game by a ValueError.
    """
    target = game.target or suite.target
    try:
        tuning, rate = _tune(game, solver, seeds, budget)
        play = _play(game, solver, np.full(seeds, rate), TEST, budget)
    except ValueError as error:
        return {"note": next(iter(str(error).strip().splitlines()), "it refuses the game")}, None
    flops = _flops(play, game, solver)
    summary = {
        "status": _statuses(game, play, target),
        "flow": stability(play.problem.jacobian),
        "learning_rate": rate,
        "tuning": {f"{size:.6g}": _number(value) for size, value in zip(STEP_SIZES, tuning, strict=True)},
        "at_edge": rate in (STEP_SIZES[0], STEP_SIZES[-1]),
        "first": [_number(value) for value in play.values[:, 0]],
        "final": [_number(value) for value in play.values[np.arange(seeds), play.last()]],
        "to_target": _to_target(play, target),
        "target": target,
        "budget": budget,
        "lanes": seeds,
        "steps": int(play.ledger["step"][0, -1]),
        "flops_per_step": flops,
        "products_per_step": float(np.median(play.ended("spent") / np.maximum(play.ended("step"), 1))),
        "seconds": play.run.seconds,
        "seconds_per_product": play.run.seconds / play.ledger["spent"][:, -1].sum(),
        "compile_seconds": play.run.compile_seconds,
        "note": "",
    } | _rates(suite, play, solver, rate)
    return summary, _points(play, rate, summary)


def _tune(game: Entry, solver: SolverEntry, size: int, budget: int) -> tuple[np.ndarray, float]:
    """Return the median final value of each step size, and the step size where it is least."""
    rates = np.repeat(STEP_SIZES, TUNING_SEEDS)
    # Batches of as many lanes as the test has, so that one program serves both.
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
    run = lanes.run(problem.game, solver, rates, starts, keys, sample, budget)
    first = jax.vmap(ravel)(starts)[:, None]
    points = np.concatenate([first, run.points], axis=1)
    # As many rows for all solvers, so that one program measures them.
    rows = 1 + (budget if run.every == 1 else 2 * lanes.FEW_ROWS)
    padded = np.pad(points, ((0, 0), (0, max(0, rows - points.shape[1])), (0, 0)), mode="edge")
    values, residuals = lanes.measures(problem.game, game.measure, problem.start, padded)
    size = points.shape[1]
    ledger = _ledger(problem, solver.cost, run, game.batch)
    within = ledger["spent"] <= budget * (1 + 1e-9)
    within[:, 0] = True
    return Play(problem, run, ledger, values[:, :size], residuals[:, :size], within)


def _problem(game: Entry, seed: int, number: int) -> compare.Problem:
    """Return the game with random starts; two are drawn at least, since compare takes one to mean the game's own."""
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    return _prepared(game, seed, max(2, number), device, jnp.result_type(float))


@functools.lru_cache(maxsize=4)
def _prepared(game: Entry, seed: int, number: int, *where: Any) -> compare.Problem:
    del where  # arrays live on one device and have one precision
    problem = compare.prepare(game.name, game.make(), compare.Settings(seeds=number, seed=seed))
    if game.draw is None:
        return problem
    draw = game.draw
    keys = jax.random.split(jax.random.key(seed), number)
    return dataclasses.replace(problem, starts=jax.vmap(lambda key: draw(key, problem.game))(keys))


def _ledger(problem: compare.Problem, cost: Cost, run: lanes.Lanes, batch: int) -> dict[str, np.ndarray]:
    """Return what each row had spent; row 0 is the start."""
    number, rows, _ = run.points.shape
    step = run.every * np.arange(rows + 1)
    steps = np.broadcast_to(step.astype(float), (number, rows + 1))
    iterations = np.concatenate([np.zeros((number, 1)), run.iterations.astype(float)], axis=1)
    # A dense solve reports no iterations, but it takes a product for each unknown to have the matrix.
    products = iterations if iterations.any() else _unknowns(problem, cost) * steps
    jvps = cost.jvps * steps + cost.jvps_per_iteration * products
    vjps = cost.vjps * steps + cost.vjps_per_iteration * products
    fields = cost.fields * steps
    return {
        "step": steps,
        "fields": fields,
        "jvps": jvps,
        "vjps": vjps,
        "iterations": iterations,
        "samples": batch * steps,
        "spent": fields + jvps + vjps,
    }


def _unknowns(problem: compare.Problem, cost: Cost) -> int:
    """Return the size of the system of an inner solve: all players', or one's where there are two and blocks do."""
    sizes = [ravel(player).size for player in problem.start]
    return sum(sizes) if len(sizes) > 2 or cost.jvps_per_iteration else min(sizes)


def _to_target(play: Play, target: float) -> dict[str, list[float | None]]:
    """Return what each seed had spent of everything when its value first fell to the target."""
    values = np.where(play.within, play.values, np.inf)
    goal = target * play.values[:, 0]
    return {
        name: [_number(value) for value in statistics.to_target(column, values, goal)]
        for name, column in play.ledger.items()
    }


def _statuses(game: Entry, play: Play, target: float) -> dict[str, int]:
    names = []
    for lane, last in enumerate(play.last()):
        values, residuals = play.values[lane, : last + 1], play.residuals[lane, : last + 1]
        if game.measure is None:
            name = _outcome(play.problem, values, residuals)
        elif not np.isfinite(values).all():
            name = "diverged"
        else:
            name = "converged" if values[-1] <= 1e-3 * target * values[0] else "budget"
        # Noise goes to and fro for ever.
        rounds = game.sample is None and statistics.cycling(values[1:], play.run.points[lane, :last])
        names.append("cycling" if name == "budget" and rounds else name)
    return {name: names.count(name) for name in ("converged", "diverged", "cycling", "budget")}


def _outcome(problem: compare.Problem, values: np.ndarray, residuals: np.ndarray) -> str:
    finite = np.isfinite(values[-1:]) & np.isfinite(residuals[-1:])
    nothing = np.zeros((1, 0))
    runs = Trajectories(problem.start, finite, values[None], residuals[None], nothing, nothing)
    return outcomes.outcome(problem, runs, 0).status


def _rates(suite: Race, play: Play, solver: SolverEntry, rate: float) -> dict[str, float | None]:
    """Return the measured contraction, and the predicted one where the game and the solver have it."""
    known = play.problem.equilibrium
    # Games too large for a dense step map are not near their rates by the end of a run either.
    if not suite.rated or known is None or not solver.rated or play.problem.jacobian is None:
        return {"contraction": None, "predicted": None}
    floor = curves.rounding_floor(known, play.values)
    ends = zip(play.values, play.last(), strict=True)
    measured = curves.median(curves.contraction(curve[: last + 1], floor) for curve, last in ends)
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
    for lane, last in enumerate(play.last()):
        rows = np.unique(np.concatenate([[0], np.geomspace(1, max(1, last), KEPT)]).astype(int))
        rows = rows[rows <= last]
        frame = {name: column[lane][rows] for name, column in play.ledger.items()}
        step = frame["step"]
        frame |= {"seed": np.full(len(rows), lane), "learning_rate": np.full(len(rows), rate)}
        frame |= {"flops": summary["flops_per_step"] * step, "seconds": summary["seconds_per_product"] * frame["spent"]}
        frame |= {"value": play.values[lane][rows].astype(float), "residual": play.residuals[lane][rows].astype(float)}
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
