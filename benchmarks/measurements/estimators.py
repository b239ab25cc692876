"""Measure an unbiased consensus step on a minibatch beside the biased one."""

import argparse
import itertools
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import Case, gan
from benchmarks.measurements.timed import per_step, verdict
from benchmarks.report import Row
from gamesolve.compare.timing import interleaved, median_ratio

# Largest acceptable time and temporary memory, relative to the plugin, by estimator.
TARGETS: Mapping[int | str, tuple[float, float]] = {2: (1.25, 1.5), 4: (1.4, 1.5), "all": (7.0, math.inf)}
STEPS = 5
OPTIONS = {"batches": {"nargs": "+", "type": int, "default": [64, 256, 1024], "help": "batch sizes"}}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each batch size and estimator."""
    return itertools.chain.from_iterable(_rows(batch, arguments.repeats) for batch in arguments.batches)


main = partial(report.measure, "estimators", rows)


def _rows(batch: int, repeats: int) -> Iterator[Row]:
    case = gan((16, 2), (128, 128, 128), batch, STEPS)
    solvers = {"plugin": gs.conopt(1e-4, 1.0)} | {n: gs.conopt(1e-4, 1.0, groups=n) for n in TARGETS}
    programs = {str(n): partial(gs.solve, case.game, solver, case.players, STEPS) for n, solver in solvers.items()}
    times = interleaved(programs, repeats)
    memory = {groups: _memory(case, solver) for groups, solver in solvers.items()}
    for groups in solvers:
        ratio = round(median_ratio(times[str(groups)], times["plugin"]), 3)
        share = round(memory[groups] / memory["plugin"], 3)
        longest, largest = TARGETS.get(groups, (1.0, 1.0))
        yield {
            "batch": batch,
            "groups": groups,
            "step": per_step(times[str(groups)], STEPS),
            "ratio": ratio,
            "target": longest,
            "memory": f"{memory[groups] / 2**20:.1f} MiB",
            "extra memory": f"{(memory[groups] - memory['plugin']) / 2**20:.1f} MiB",
            "memory ratio": share,
            "verdict": verdict(ratio <= longest and share <= largest) if groups in TARGETS else "unit",
        }


def _memory(case: Case, solver: gs.Solver) -> int:
    run = jax.jit(lambda game, solver, players: gs.solve(game, solver, players, STEPS).players)
    analysis: Any = run.lower(case.game, solver, case.players).compile().memory_analysis()
    return analysis.temp_size_in_bytes
