"""Measure what a step of ACGD costs beside one of Adam, and which images it makes, by the examples that J sees."""

import argparse
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.timed import verdict
from benchmarks.report import Row
from gamesolve.compare.timing import median_ratio
from gamesolve.games import data, gan

# The step size of Adam that the measurement `images` chose.
ADAM, ADAM_RATE = "Adam SimGD", 1e-3
# Examples of a batch that J sees, and the tolerance of the solve; None is the default of both.
FEW, LOOSE = (64, 48, 40, 16), 0.09
SETTINGS = ((None, None), (None, LOOSE), *((examples, tolerance) for examples in FEW for tolerance in (None, LOOSE)))
BATCH, CHUNK = 256, 50
# Largest acceptable time relative to Adam, and distance relative to ACGD with all examples and the default tolerance.
SLOWEST, FARTHEST = 2.0, 1.2
OPTIONS = {
    "seeds": {"type": int, "default": 6},
    "steps": {"type": int, "default": 300, "help": f"steps of a run, a multiple of {CHUNK}"},
    "rates": {"nargs": "+", "type": float, "default": [4e-3], "help": "step sizes of ACGD"},
}


class Runs(NamedTuple):
    """A solver and its runs: CPU seconds per step and iterations, by chunk, and the end of every seed."""

    about: Row
    solver: gs.Solver
    seconds: list[float]
    iterations: list[float]
    distances: list[float]
    fallbacks: list[int]


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for Adam, and one for each step size and setting of ACGD."""
    dataset = data.digits()
    networks = gan.perceptrons()
    classifier = gan.train_classifier(dataset)
    experiment = gan.images(dataset, networks, gan.wasserstein, batch_size=BATCH, classifier=classifier)
    everyone = prepared(arguments.rates)
    for seed in range(arguments.seeds):
        start, key = map(jax.random.key, (100 + seed, seed))
        train_all(experiment, everyone, networks.init(start), key, arguments.steps)
    adam, whole = everyone[0], 0.0
    for runs in everyone:
        distance = statistics.mean(runs.distances)
        if (runs.about["examples"], runs.about["tolerance"]) == ("all", "default"):
            whole = distance
        ratio = median_ratio(runs.seconds, adam.seconds)
        row: Row = runs.about | {
            "ms per step": 1e3 * statistics.median(runs.seconds),
            "over Adam": ratio,
            "iterations": statistics.mean(runs.iterations),
            "distance": distance,
            "sd": statistics.pstdev(runs.distances),
            "fallbacks": sum(runs.fallbacks),
        }
        if runs is not adam:
            row["over all examples"] = distance / whole
        if runs.about["examples"] in FEW and runs.about["tolerance"] == LOOSE:
            row["verdict"] = verdict(ratio <= SLOWEST and distance <= FARTHEST * whole)
        yield row


def prepared(rates: list[float]) -> list[Runs]:
    """Return the runs of Adam and of all settings of ACGD, before any step."""
    adam = optax.adam(ADAM_RATE, b1=0.5)
    found = [({"solver": ADAM, "rate": ADAM_RATE, "examples": None, "tolerance": None}, gs.per_player(adam, adam))]
    for rate in rates:
        for examples, tolerance in SETTINGS:
            solver = gs.acgd(rate, inner=gs.linear.Inner(tolerance), curvature_batch=examples)
            about = {"solver": "ACGD", "rate": rate, "examples": examples or "all", "tolerance": tolerance or "default"}
            found.append((about, solver))
    return [Runs(about, solver, [], [], [], []) for about, solver in found]


def train_all(experiment: gan.Experiment, everyone: list[Runs], start: Any, key: jax.Array, steps: int) -> None:
    """Train all solvers from one start, chunk by chunk in turn, so that a busy machine slows all of them."""
    states = [(start, jax.jit(runs.solver.init)(start)) for runs in everyone]
    advance = partial(_chunk, experiment, key)
    for runs, (players, state) in zip(everyone, states, strict=True):
        if not runs.seconds:
            advance(runs.solver, players, state, 0)  # compiles
    for begin in range(0, steps, CHUNK):
        for index, (runs, (players, state)) in enumerate(zip(everyone, states, strict=True)):
            since = time.process_time()
            run = advance(runs.solver, players, state, begin)
            runs.seconds.append((time.process_time() - since) / CHUNK)
            runs.iterations.append(float(np.mean(run.trace)))
            states[index] = run.players, run.state
    for runs, (players, state) in zip(everyone, states, strict=True):
        runs.distances.append(float(experiment.measures["quality"](players).frechet))
        runs.fallbacks.append(int(optax.tree.get(state, "fallbacks", 0)))


def _chunk(
    experiment: gan.Experiment, key: jax.Array, solver: gs.Solver, players: Any, state: Any, start: int
) -> gs.Solution:
    game, sample = experiment.game, experiment.sample
    run = gs.solve(game, solver, players, CHUNK, state=state, start=start, sample=sample, key=key, record=_iterations)
    return jax.block_until_ready(run)


def _iterations(_: Any, state: Any) -> Any:
    return optax.tree.get(state, "iterations", np.zeros(()))


main = partial(report.measure, "curvature", rows)
