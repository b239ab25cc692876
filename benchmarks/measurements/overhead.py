"""Measure a step through `gamesolve.solve` beside a hand-written ``lax.scan``, and one through `gamesolve.run`."""

import argparse
import functools
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements import cost, hand, running
from benchmarks.measurements.cases import CASES, SOLVERS, Case, build
from benchmarks.measurements.timed import median_row, per_step, verdict
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.compare.timing import Program, interleaved, median_ratio

# The game on which solvers without a hand-written counterpart are measured.
ALONE_ON = "quadratic-100"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's own options."""
    parser.add_argument("--games", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--solvers", nargs="+", choices=registry.SOLVERS, default=list(registry.SOLVERS))
    help_text = "fresh processes for every ratio (default: %(default)s)"
    parser.add_argument("--processes", type=int, default=3, help=help_text)


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the measurement; returns the exit code."""
    return report.measure("overhead", _rows(arguments), command, arguments.out)


def _rows(arguments: argparse.Namespace) -> Iterator[Row]:
    for name, solver in itertools.product(arguments.games, arguments.solvers):
        times = partial(_times, name, solver, arguments.repeats)
        if solver in SOLVERS:
            row = median_row(times, "ratio", arguments.processes)
        elif name == ALONE_ON:
            row = times()
        else:
            continue
        yield {"game": name, "solver": solver} | row | _costs(name, solver)
    for name in running.COSTS if "gan" in arguments.games else ():
        row = median_row(partial(running.COSTS[name], arguments.repeats), "ratio", arguments.processes)
        times = {"gamesolve": row.pop("one"), "by hand": row.pop("other")}
        yield {"game": "gan", "solver": name.replace(", gan", "")} | times | row


def programs(case: Case, solver: str) -> dict[str, Program]:
    """Return the run through gamesolve and, if there is one, the hand-written run."""
    numbers, steps = case.numbers(solver), case.length(solver)
    ours = partial(gs.solve, case.game, build(solver, *numbers), case.players, steps)
    if solver not in SOLVERS:
        return {"gamesolve": ours}

    @jax.jit
    def by_hand(players: hand.Pair, arguments: tuple[Any, ...]) -> Any:
        with jax.default_matmul_precision("highest"):
            return hand.run(hand.METHODS[solver], case.function(arguments), numbers, players, steps)

    return {"gamesolve": ours, "by hand": partial(by_hand, case.players, case.arguments)}


def _times(name: str, solver: str, repeats: int) -> Row:
    case = CASES[name]()
    times = interleaved(programs(case, solver), repeats)
    row: Row = {who: per_step(seconds, case.length(solver)) for who, seconds in times.items()}
    if solver in SOLVERS:
        ratio = median_ratio(times["gamesolve"], times["by hand"])
        row |= {"ratio": round(ratio, 4), "target": case.target, "verdict": verdict(ratio <= case.target)}
    return row


def _costs(name: str, solver: str) -> Row:
    case = CASES[name]()
    ours = cost.gamesolve_step(case, solver)
    declared = registry.SOLVERS[solver].cost.products(iterations=1)
    row = {"flops": int(ours.flops), "dots": ours.dots}
    row |= {"fields": round(ours.flops / _field(name), 2), "declared": round(declared, 2)}
    if solver in SOLVERS:
        theirs = cost.hand_step(case, solver)
        row |= {"flops by hand": int(theirs.flops), "dots by hand": theirs.dots}
    return row


@functools.cache
def _field(name: str) -> float:
    """Return the flops of a field of the game."""
    return cost.field(CASES[name]()).flops
