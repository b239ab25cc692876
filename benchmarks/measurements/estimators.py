"""What does an unbiased consensus step on a minibatch cost beside the biased one?"""

import argparse
import math
import statistics
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import Case, gan
from benchmarks.timing import interleaved, median_ratio

NOTES = (
    "Steps of `conopt` on the MLP GAN through `gamesolve.solve`, interleaved; `ratio` is the median over the rounds of "
    "time over the plugin's within a round. `memory` is the temporary memory of the compiled run."
)
# Largest acceptable time and temporary memory over the plugin's, by estimator; what all pairs take more is constant.
TARGETS: dict[Any, tuple[float, float]] = {2: (1.25, 1.5), 4: (1.4, 1.5), "all": (7.0, math.inf)}
STEPS = 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--batches", nargs="+", type=int, default=[64, 256, 1024], help="batch sizes")


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code."""
    rows = []
    for batch in arguments.batches:
        case = gan((16, 2), (128, 128, 128), batch, STEPS)
        for row in _rows(case, batch, arguments.repeats):
            rows.append(row)
            print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    where = report.environment(command, ("jax", "jaxlib", "optax"))
    report.write("estimators", "Unbiased consensus on minibatches", NOTES, rows, where, arguments.out)
    print(f"\n{report.table(rows)}\n\n{sum(row['verdict'] != 'missed' for row in rows)} of {len(rows)} rows met")
    return 0


def _rows(case: Case, batch: int, repeats: int) -> list[dict[str, Any]]:
    solvers = {groups: gs.conopt(1e-4, 1.0, groups=groups) for groups in (None, *TARGETS)}
    programs = {groups: partial(gs.solve, case.game, solver, case.players, STEPS) for groups, solver in solvers.items()}
    times = interleaved({str(groups): program for groups, program in programs.items()}, repeats)
    plain = times["None"]
    memory = {groups: _memory(case, solver) for groups, solver in solvers.items()}
    return [
        {
            "batch": batch,
            "groups": "plugin" if groups is None else groups,
            "step": report.duration(statistics.median(times[str(groups)]) / STEPS),
            "ratio": (ratio := round(median_ratio(times[str(groups)], plain), 3)),
            "target": TARGETS[groups][0] if groups else 1.0,
            "memory": f"{memory[groups] / 2**20:.1f} MiB",
            "extra memory": f"{(memory[groups] - memory[None]) / 2**20:.1f} MiB",
            "memory ratio": (share := round(memory[groups] / memory[None], 3)),
            "verdict": _verdict(groups, ratio, share),
        }
        for groups in solvers
    ]


def _verdict(groups: Any, ratio: float, share: float) -> str:
    if groups is None:
        return "unit"
    longest, largest = TARGETS[groups]
    return "met" if ratio <= longest and share <= largest else "missed"


def _memory(case: Case, solver: gs.Solver) -> int:
    run = jax.jit(lambda game, solver, players: gs.solve(game, solver, players, STEPS).players)
    analysis: Any = run.lower(case.game, solver, case.players).compile().memory_analysis()
    return analysis.temp_size_in_bytes
