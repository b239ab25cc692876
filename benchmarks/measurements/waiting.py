"""Measure where a person waits: the import, the first call of every solver, the second call, and `gamesolve compare`.

Everything that is compiled is measured in fresh processes, in their processor time, without a compilation cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements import hand
from benchmarks.measurements.cases import SOLVERS, build, gan
from benchmarks.measurements.timed import verdict
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.compare.timing import interleaved, median_ratio

# Width of the hidden layers of a GAN of 40,000 parameters, and the steps of a first call.
WIDTH, STEPS = 98, 100
IMPORT, SLOWEST, BY_HAND, STEP, FIRST, SECOND = 1.15, 6.0, 1.15, 1.1, 15.0, 5.0
PROGRAMS = {"jax and optax": "import jax, optax", "gamesolve": "import jax, optax, gamesolve"}
OPTIONS = {
    "parts": report.choices(("import", "calls", "step", "compare")),
    "solvers": report.choices(registry.SOLVERS),
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows of each part."""
    parts = {
        "import": partial(_import, arguments.repeats),
        "calls": partial(_calls, arguments.solvers),
        "step": partial(_step, arguments.repeats),
        "compare": compared_calls,
    }
    for name in arguments.parts:
        yield from parts[name]()


main = partial(report.measure, "waiting", rows)


def _import(repeats: int) -> Iterator[Row]:
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(max(5, repeats)):
        for name, program in PROGRAMS.items():
            times[name].append(_processor_seconds([sys.executable, "-c", program]))
    ratio = median_ratio(times["gamesolve"], times["jax and optax"])
    yield _row("import gamesolve", statistics.median(times["gamesolve"]), "over jax and optax", ratio, IMPORT)


def _calls(solvers: list[str]) -> Iterator[Row]:
    plain = _first("simgd", "gamesolve")
    for solver in solvers:
        seconds = _first(solver, "gamesolve")
        yield _row(f"first call, {solver}", seconds, "over simgd", seconds / plain, SLOWEST)
        if solver in SOLVERS:
            yield _row(f"first call, {solver}", seconds, "over by hand", seconds / _first(solver, "hand"), BY_HAND)


def _step(repeats: int) -> Iterator[Row]:
    """Time a jitted step with solver and game as arguments beside a hand-written one, on two numbers."""
    game, eta = gs.zero_sum(lambda x, y: x * y), 1e-3
    ours = jax.jit(gs.step)
    theirs = jax.jit(lambda eta, players: hand.simgd(lambda x, y: x * y, (eta,), players, None)[0])
    start = jax.numpy.ones(()), jax.numpy.ones(())
    solver = gs.simgd(jax.numpy.asarray(eta))
    state = solver.init(start)

    def repeated(step: Any) -> Any:
        players = start
        for _ in range(2000):
            players = step(players)
        return players

    times = interleaved(
        {
            "gamesolve": lambda: repeated(lambda players: ours(game, solver, players, state)[0]),
            "by hand": lambda: repeated(lambda players: theirs(eta, players)),
        },
        max(5, repeats),
    )
    seconds = statistics.median(times["gamesolve"]) / 2000
    yield _row("jit(gs.step), two numbers", seconds, "over by hand", median_ratio(*times.values()), STEP)


def compared_calls(*words: str) -> Iterator[Row]:
    """Time the first and the second ``gamesolve compare``, with a cache that is empty before the first."""
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as out:
        environment = os.environ | {"XDG_CACHE_HOME": cache}
        for name, target in (("first", FIRST), ("second", SECOND)):
            command = [sys.executable, "-m", "gamesolve", "compare", *words, "--out", f"{out}/{name}"]
            began = time.perf_counter()
            subprocess.run(command, env=environment, capture_output=True, check=True)
            seconds = time.perf_counter() - began
            yield _row(f"gamesolve compare, {name} call", seconds, "wall seconds", seconds, target)


def _row(what: str, seconds: float, meaning: str, figure: float, target: float) -> Row:
    row = {"what": what, "seconds": round(seconds, 6), "compared": meaning, "figure": round(figure, 3)}
    return row | {"target": target, "verdict": verdict(figure <= target)}


def _processor_seconds(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _first(solver: str, way: str) -> float:
    """Return the processor time of the first call in a fresh process, without the import."""
    command = [sys.executable, "-m", "benchmarks.measurements.waiting", solver, way]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def _called(solver: str, way: str) -> float:
    case = gan((16, 2), (WIDTH,) * 3, 64, STEPS)
    numbers = case.numbers(solver)
    jax.block_until_ready(jax.random.normal(jax.random.key(0), (2, 2)) @ jax.numpy.ones((2, 2)))
    began = time.process_time()
    if way == "hand":
        run = lambda players: hand.run(hand.METHODS[solver], case.function(case.arguments), numbers, players, STEPS)
        jax.block_until_ready(jax.jit(run)(case.players))
    else:
        jax.block_until_ready(gs.solve(case.game, build(solver, *numbers), case.players, STEPS))
    return time.process_time() - began


if __name__ == "__main__":
    print(json.dumps(_called(*sys.argv[1:])))
