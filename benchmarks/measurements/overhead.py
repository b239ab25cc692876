"""What does a step through `gamesolve.solve` cost beside a ``lax.scan`` of the same arithmetic written by hand?

And what does one through `gamesolve.run` cost beside `gamesolve.solve`?
"""

import argparse
import functools
import itertools
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements import cost, hand, running
from benchmarks.measurements.cases import CASES, SOLVERS, Case, build
from benchmarks.measurements.processes import median_row
from benchmarks.timing import Program, interleaved, median_ratio
from gamesolve import registry

NOTES = (
    "Steps through `gamesolve.solve` against a `lax.scan` of the same arithmetic (`benchmarks/hand.py`), interleaved; "
    "the ratio is the median over the rounds of time over time within a round. Two programs of equal arithmetic can "
    "differ by some per cent in one process and not in the next: each row with a ratio is the median one of several "
    "fresh processes, with the range of all. The hand-written program has its numbers as constants, gamesolve's takes "
    "them as arguments. Flops are XLA's count for one step, a loop's body and both sides of a branch counted once; "
    "dots are dot products in the optimised program. Solvers that are not written by hand are measured alone, on one "
    "game. Fields are the step's flops over those of one field of the game, declared what the registry says of fields "
    "and products, one iteration of an inner solve included; a block of a quadratic's Jacobian costs less than the "
    "half of it that is declared. In rows of `run` that stands in the first column of times and `solve` in the second."
)
# What a row lacks is left empty.
COLUMNS = ("game", "solver", "gamesolve", "by hand", "ratio", "target", "verdict")
COLUMNS += ("flops", "flops by hand", "dots", "dots by hand", "fields", "declared", "range")
# Where the solvers that are not written by hand are measured.
ALONE_ON = ("quadratic-100",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--games", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--solvers", nargs="+", choices=registry.SOLVERS, default=list(registry.SOLVERS))
    parser.add_argument(
        "--processes", type=int, default=3, help="fresh processes for every ratio (default: %(default)s)"
    )


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield one row per game and solver, with the columns that it has."""
    for name, solver in itertools.product(arguments.games, arguments.solvers):
        times = partial(_times, name, solver, arguments.repeats)
        if solver in SOLVERS:
            row = median_row(times, "ratio", arguments.processes)
        elif name in ALONE_ON:
            row = times()
        else:
            continue
        yield {"game": name, "solver": solver} | row | _costs(name, solver)
    for name in running.COSTS if "gan" in arguments.games else ():
        row = median_row(partial(_host_loop, name, arguments.repeats), "ratio", arguments.processes)
        yield {"game": "gan", "solver": name.replace(", gan", "")} | row


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code."""
    rows = []
    for row in measure(arguments):
        rows.append({column: row.get(column, "") for column in COLUMNS})
        print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    where = report.environment(command, ("jax", "jaxlib", "optax"))
    report.write("overhead", "Overhead over hand-written JAX", NOTES, rows, where, arguments.out)
    verdicts = [row["verdict"] for row in rows if row["verdict"]]
    print(f"\n{report.table(rows)}\n\n{verdicts.count('met')} of {len(verdicts)} targets met")
    return 0


def programs(case: Case, solver: str) -> dict[str, Program]:
    """Return the contenders: the run through gamesolve and, where there is one, the same by hand."""
    numbers, steps = case.numbers(solver), case.length(solver)
    ours = partial(gs.solve, case.game, build(solver, *numbers), case.players, steps)
    if solver not in SOLVERS:
        return {"gamesolve": ours}

    @jax.jit
    def by_hand(players: Any, arguments: Any) -> Any:
        f = lambda x, y: case.payoff(x, y, *arguments)
        with jax.default_matmul_precision("highest"):
            return hand.run(hand.METHODS[solver], f, numbers, players, steps)

    return {"gamesolve": ours, "hand": partial(by_hand, case.players, case.arguments)}


def _host_loop(name: str, repeats: int) -> dict[str, Any]:
    """Return the times of `run` and of `solve`."""
    row = running.COSTS[name](repeats)
    times = {"gamesolve": row["one"], "by hand": row["other"], "ratio": round(row["ratio"], 4)}
    return times | {"target": row["target"], "verdict": row["verdict"]}


def _times(name: str, solver: str, repeats: int) -> dict[str, Any]:
    case = CASES[name]()
    times = interleaved(programs(case, solver), repeats)
    each = {who: report.duration(statistics.median(rounds) / case.length(solver)) for who, rounds in times.items()}
    if solver not in SOLVERS:
        return each
    ratio = median_ratio(times["gamesolve"], times["hand"])
    row = {"gamesolve": each["gamesolve"], "by hand": each["hand"], "ratio": round(ratio, 4), "target": case.target}
    return row | {"verdict": "met" if ratio <= case.target else "missed"}


def _costs(name: str, solver: str) -> dict[str, Any]:
    case = CASES[name]()
    ours = cost.gamesolve_step(case, solver)
    row = {"flops": int(ours.flops), "dots": ours.dots, "fields": round(ours.flops / _field(name), 2)}
    row |= {"declared": round(registry.SOLVERS[solver].cost.products(iterations=1), 2)}
    if solver not in SOLVERS:
        return row
    theirs = cost.hand_step(case, solver)
    return row | {"flops by hand": int(theirs.flops), "dots by hand": theirs.dots}


@functools.cache
def _field(name: str) -> float:
    """Return the flops of a field of the game."""
    return cost.field(CASES[name]()).flops
