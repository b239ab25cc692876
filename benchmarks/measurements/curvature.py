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
SETTINGS = ((None, None), (None, 0.09), (64, None), (64, 0.09), (40, 0.09), (16, None), (16, 0.09))
BATCH, CHUNK = 256, 50
# Largest acceptable time relative to Adam, and distance relative to ACGD with all examples and the default tolerance.
SLOWEST, FARTHEST = 2.0, 1.2
OPTIONS = {
    "seeds": {"type": int, "default": 3},
    "steps": {"type": int, "default": 300, "help": f"steps of a run, a multiple of {CHUNK}"},
    "rates": {"nargs": "+", "type": float, "default": [4e-3, 1e-2], "help": "step sizes of ACGD"},
}


class Race(NamedTuple):
    """A solver and what its runs took: CPU seconds per step and iterations, by chunk, and the end of every seed."""

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
    races = entered(arguments.rates)
    for seed in range(arguments.seeds):
        start, key = map(jax.random.key, (100 + seed, seed))
        compete(experiment, races, networks.init(start), key, arguments.steps)
    plain: dict[float, float] = {}
    for race in races:
        distance = statistics.mean(race.distances)
        whole = plain.setdefault(race.about["rate"], distance)  # the first row of each step size
        ratio = median_ratio(race.seconds, races[0].seconds)
        row: Row = race.about | {
            "ms per step": 1e3 * statistics.median(race.seconds),
            "over Adam": ratio,
            "iterations": statistics.mean(race.iterations),
            "distance": distance,
            "sd": statistics.pstdev(race.distances),
            "fallbacks": sum(race.fallbacks),
        }
        if race is not races[0]:
            met = ratio <= SLOWEST and distance <= FARTHEST * whole
            row |= {"over all examples": distance / whole, "verdict": verdict(met)}
        yield row


def entered(rates: list[float]) -> list[Race]:
    """Return the races of Adam and of all settings of ACGD, before the start."""
    adam = optax.adam(ADAM_RATE, b1=0.5)
    found = [({"solver": ADAM, "rate": ADAM_RATE, "examples": "-", "tolerance": "-"}, gs.per_player(adam, adam))]
    for rate in rates:
        for examples, tolerance in SETTINGS:
            solver = gs.acgd(rate, inner=gs.linear.Inner(tolerance), curvature_batch=examples)
            about = {"solver": "ACGD", "rate": rate, "examples": examples or "all", "tolerance": tolerance or "default"}
            found.append((about, solver))
    return [Race(about, solver, [], [], [], []) for about, solver in found]


def compete(experiment: gan.Experiment, races: list[Race], start: Any, key: jax.Array, steps: int) -> None:
    """Train all solvers from one start, chunk by chunk in turn, so that a busy machine slows all of them."""
    states = [(start, jax.jit(race.solver.init)(start)) for race in races]
    train = partial(_chunk, experiment, key)
    for race, (players, state) in zip(races, states, strict=True):
        if not race.seconds:
            train(race.solver, players, state, 0)  # compiles
    for begin in range(0, steps, CHUNK):
        for index, (race, (players, state)) in enumerate(zip(races, states, strict=True)):
            since = time.process_time()
            run = train(race.solver, players, state, begin)
            race.seconds.append((time.process_time() - since) / CHUNK)
            race.iterations.append(float(np.mean(run.trace)))
            states[index] = run.players, run.state
    for race, (players, state) in zip(races, states, strict=True):
        race.distances.append(float(experiment.measures["quality"](players).frechet))
        race.fallbacks.append(int(optax.tree.get(state, "fallbacks", 0)))


def _chunk(
    experiment: gan.Experiment, key: jax.Array, solver: gs.Solver, players: Any, state: Any, start: int
) -> gs.Solution:
    game, sample = experiment.game, experiment.sample
    run = gs.solve(game, solver, players, CHUNK, state=state, start=start, sample=sample, key=key, record=_iterations)
    return jax.block_until_ready(run)


def _iterations(_: Any, state: Any) -> Any:
    return optax.tree.get(state, "iterations", np.zeros(()))


main = partial(report.measure, "curvature", rows)
