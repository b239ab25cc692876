"""What does a step through `gamesolve.solve` cost beside a ``lax.scan`` of the same arithmetic written by hand?

And what does one through `gamesolve.run` cost beside `gamesolve.solve`?
"""

import argparse
import statistics
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax

import gamesolve as gs
from benchmarks import cost, hand, report, running
from benchmarks.cases import CASES, SOLVERS, Case, build
from benchmarks.timing import Program, interleaved, median_ratio
from gamesolve import registry

NOTES = (
    "Steps through `gamesolve.solve` against a `lax.scan` of the same arithmetic (`benchmarks/hand.py`), interleaved; "
    "the ratio is the median over the rounds of time over time within a round. The hand-written program has its "
    "numbers as constants, gamesolve's takes them as arguments. Flops are XLA's count for one step, a loop's body "
    "and both sides of a branch counted once; dots are dot products in the optimised program. Solvers that are not "
    "written by hand are measured alone, on one game. Fields are the step's flops over those of one field of the game, "
    "declared what the registry says of fields and products, one iteration of an inner solve included; a block of a "
    "quadratic's Jacobian costs less than the half of it that is declared. In rows of `run` that stands in the first "
    "column of times and `solve` in the second."
)
# Where the solvers that are not written by hand are measured.
ALONE_ON = ("quadratic-100",)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--games", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--solvers", nargs="+", choices=registry.SOLVERS, default=list(registry.SOLVERS))


def measure(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield one row per game and solver."""
    for name in arguments.games:
        case = CASES[name]()
        one = cost.field(case).flops
        for solver in arguments.solvers:
            if solver in SOLVERS or name in ALONE_ON:
                yield _row(case, solver, arguments.repeats, one)
    for name in running.COSTS if "gan" in arguments.games else ():
        yield _host_loop(name, running.COSTS[name](arguments.repeats))


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code."""
    rows = []
    for row in measure(arguments):
        rows.append(row)
        print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
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
        f = lambda x, y: case.payoff(x, y, *arguments)  # noqa: E731
        with jax.default_matmul_precision("highest"):
            return hand.run(hand.METHODS[solver], f, numbers, players, steps)

    return {"gamesolve": ours, "hand": partial(by_hand, case.players, case.arguments)}


def _host_loop(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the cost of `run` with the columns of the others."""
    columns = dict.fromkeys(("flops", "flops by hand", "dots", "dots by hand", "fields", "declared"), "")
    times = {"game": "gan", "solver": name.replace(", gan", ""), "gamesolve": row["one"], "by hand": row["other"]}
    return times | {"ratio": row["ratio"], "target": row["target"], "verdict": row["verdict"]} | columns


def _row(case: Case, solver: str, repeats: int, one: float) -> dict[str, Any]:
    times = interleaved(programs(case, solver), repeats)
    each = {name: report.duration(statistics.median(rounds) / case.length(solver)) for name, rounds in times.items()}
    ours = cost.gamesolve_step(case, solver)
    row = {"game": case.name, "solver": solver, "gamesolve": each["gamesolve"], "by hand": "", "ratio": ""}
    row |= {"target": "", "verdict": "", "flops": int(ours.flops), "flops by hand": "", "dots": ours.dots}
    row |= {"dots by hand": "", "fields": round(ours.flops / one, 2)}
    row |= {"declared": round(registry.SOLVERS[solver].cost.products(iterations=1), 2)}
    if solver not in SOLVERS:
        return row
    ratio, theirs = median_ratio(times["gamesolve"], times["hand"]), cost.hand_step(case, solver)
    row |= {"by hand": each["hand"], "ratio": round(ratio, 4), "target": case.target}
    row |= {"verdict": "met" if ratio <= case.target else "missed"}
    return row | {"flops by hand": int(theirs.flops), "dots by hand": theirs.dots}
