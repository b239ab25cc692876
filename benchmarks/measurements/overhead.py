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
from benchmarks.measurements.cases import CASES, SOLVERS, build
from benchmarks.measurements.timed import compared, median_row, per_step
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.compare.timing import interleaved

# The game on which solvers without a hand-written counterpart are measured.
ALONE_ON = "quadratic-100"
OPTIONS = {
    "games": report.choices(CASES),
    "solvers": report.choices(registry.SOLVERS),
    "processes": {"type": int, "default": 3, "help": "fresh processes for every ratio (default: %(default)s)"},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each game and solver, and for `run`."""
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


main = partial(report.measure, "overhead", rows)


def _times(name: str, solver: str, repeats: int) -> Row:
    case = CASES[name]()
    numbers, steps = case.numbers(solver), case.length(solver)
    ours = partial(gs.solve, case.game, build(solver, *numbers), case.players, steps)
    if solver not in SOLVERS:
        return {"gamesolve": per_step(interleaved({"": ours}, repeats)[""], steps)}

    @jax.jit
    def by_hand(players: hand.Pair, arguments: tuple[Any, ...]) -> Any:
        with jax.default_matmul_precision("highest"):
            return hand.run(hand.METHODS[solver], case.function(arguments), numbers, players, steps)

    programs = {"gamesolve": ours, "by hand": partial(by_hand, case.players, case.arguments)}
    return compared(interleaved(programs, repeats), steps, case.target)


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
