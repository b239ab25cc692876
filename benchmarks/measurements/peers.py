"""How much faster than PyTorch, eager or with the package ``cgds``, is gamesolve on the same games?"""

import argparse
import dataclasses
import importlib
import importlib.util
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES, Case
from benchmarks.measurements.processes import median_row
from benchmarks.timing import interleaved, median_ratio

NOTES = (
    "Time per step: gamesolve through `gamesolve.solve`, PyTorch in a loop as its users write it ({threads} threads, "
    "its default), interleaved; `faster` is the median over the rounds. PyTorch's time differs more from process to "
    "process than from round to round: each row is the median one of several fresh processes, with the range of all. "
    "jax-cgd runs in a loop over its compiled step, nashopt by its own function on players that stay in a box. Both "
    "start from the same players on the same data; `difference` is how far apart they are after the peer's number of "
    "steps, relative to how far they went. ACGD and BCGD of `cgds` solve for one player and the other in turn, "
    "gamesolve for the smaller one; all stop CG at a relative residual of 1e-6, and `iterations` are the mean CG "
    "iterations a step, ours / theirs. `XLA_FLAGS` is `{flags}`."
)
# The products that jaxlib 0.10 takes by default on CPUs leave one of two cores idle half of the time: a step of the GAN
# takes 1.52 ms with them and 1.10 ms with those of Eigen. XLA ends a process that names a flag it does not know.
FLAGS = "--xla_cpu_experimental_ynn_fusion_type=" if version("jaxlib").startswith("0.10.") else ""
ADAM = 1e-4
GAMMA = 1.0
LIMIT = 0.5


@dataclasses.dataclass(frozen=True)
class Match:
    """One row: a method on a game, ours against theirs.

    Attributes:
        game: name of the case.
        method: name in the table.
        peer: name in the table.
        target: how many times faster gamesolve should be, if that was said.
        steps: gamesolve's and the peer's number of steps in one timed call.
        ours: makes the optax transformation for a case.
        theirs: ``theirs(side, case)`` makes the peer's program, with a function that counts its CG iterations.
        side: module of the peer's programs.
        needs: packages that the peer's programs import.
    """

    game: str
    method: str
    peer: str
    target: float | None
    steps: tuple[int, int]
    ours: Callable[[Case], Any]
    theirs: Callable[[Any, Case], tuple[Any, Any]]
    side: str = "torch_side"
    needs: tuple[str, ...] = ("torch", "CGDs")


def boxed() -> Case:
    """Return the quadratic game whose players stay within [-LIMIT, LIMIT]."""
    case = CASES["quadratic-10"]()
    return dataclasses.replace(case, players=jax.tree.map(_in_box, case.players))


def _in_box(player: Any) -> Any:
    return jax.numpy.clip(player, -LIMIT, LIMIT)


GAMES = {**CASES, "quadratic-10-boxed": boxed}


def _cgds(game: str, target: float, steps: tuple[int, int]) -> Match:
    ours = lambda case: gs.acgd(*case.numbers("acgd"))
    return Match(game, "ACGD", "cgds", target, steps, ours, lambda side, case: side.cgds_acgd(case))


def _eager(method: str, ours: Any, theirs: Callable[[Any, Case], Any]) -> Match:
    pair = lambda side, case: (theirs(side, case), None)
    return Match("gan", f"{method}, Adam", "eager", 2.2, (50, 50), lambda case: ours, pair)


MATCHES = (
    # The scalar game needs its one CG iteration in every step, so that gamesolve's call may be longer.
    _cgds("scalar", 1000.0, (50_000, 200)),
    _cgds("quadratic-100", 30.0, (200, 200)),
    _cgds("gan", 1.8, (20, 20)),
    Match(
        "quadratic-100",
        "CGD",
        "cgds, BCGD",
        None,
        (200, 50),
        lambda case: gs.cgd(case.numbers("cgd")[0]),
        lambda side, case: side.cgds_bcgd(case),
    ),
    Match(
        "quadratic-100",
        "CGD",
        "jax-cgd",
        None,
        (200, 200),
        lambda case: gs.cgd(case.numbers("cgd")[0]),
        lambda side, case: (side.jax_cgd(case), None),
        "other_side",
        ("jax_cgd",),
    ),
    Match(
        "quadratic-10-boxed",
        "extragradient",
        "nashopt",
        None,
        (5000, 50),
        lambda case: gs.extragradient(*case.numbers("extragradient"), projections=(_in_box, _in_box)),
        lambda side, case: (side.nashopt_extragradient(case, LIMIT), None),
        "other_side",
        ("nashopt",),
    ),
    _eager("SimGD", optax.adam(ADAM), lambda side, case: side.simgd_adam(case, ADAM)),
    _eager("AltGD", gs.alternating(optax.adam(ADAM), optax.adam(ADAM)), lambda side, case: side.altgd_adam(case, ADAM)),
    _eager(
        "ConOpt",
        optax.chain(gs.transforms.consensus(GAMMA), optax.adam(ADAM)),
        lambda side, case: side.conopt_adam(case, ADAM, GAMMA),
    ),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    games = sorted({match.game for match in MATCHES})
    parser.add_argument("--games", nargs="+", choices=games, default=games)
    parser.add_argument("--processes", type=int, default=5, help="fresh processes for every row (default: %(default)s)")


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code: 2 where PyTorch or cgds is not installed."""
    matches = [match for match in MATCHES if match.game in arguments.games]
    missing = {name for match in matches for name in match.needs if importlib.util.find_spec(name) is None}
    matches = [match for match in matches if not missing & set(match.needs)]
    if missing:
        names = ", ".join(sorted(missing))
        print(f"peers leaves out what needs {names}: pip install 'gamesolve[peers]'.", file=sys.stderr)
    if not matches:
        return 2
    flags = os.environ.setdefault("XLA_FLAGS", FLAGS)  # for the processes that measure
    rows = []
    for match in matches:
        measure = partial(_row, MATCHES.index(match), arguments.repeats)
        rows.append(median_row(measure, "faster", arguments.processes))
        print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    needed = dict.fromkeys(name for match in matches for name in match.needs)
    where = report.environment(command, ("jax", "jaxlib", "optax", *needed))
    threads = importlib.import_module("torch").get_num_threads() if "torch" in needed else "no"
    notes = NOTES.format(threads=threads, flags=flags)
    report.write("peers", "gamesolve beside its peers", notes, rows, where, arguments.out)
    targets = [row["verdict"] for row in rows if row["verdict"]]
    print(f"\n{report.table(rows)}\n\n{targets.count('met')} of {len(targets)} targets met")
    return 0


def _row(index: int, repeats: int) -> dict[str, Any]:
    match = MATCHES[index]
    case = GAMES[match.game]()
    side = importlib.import_module(f"benchmarks.measurements.{match.side}")
    run, count = match.theirs(side, case)
    solve = partial(gs.solve, case.game, match.ours(case), case.players)
    steps, their_steps = match.steps
    times = interleaved({"ours": partial(solve, steps), "theirs": partial(run, their_steps)}, repeats)
    faster = median_ratio(times["theirs"], times["ours"]) * steps / their_steps
    return {
        "game": match.game,
        "method": match.method,
        "peer": match.peer,
        "gamesolve": report.duration(statistics.median(times["ours"]) / steps),
        "theirs": report.duration(statistics.median(times["theirs"]) / their_steps),
        "faster": round(faster, 2),
        "target": match.target or "",
        "verdict": "" if match.target is None else "met" if faster >= match.target else "missed",
        "iterations": f"{_iterations(solve, their_steps):.2f} / {count(their_steps):.2f}" if count else "",
        "difference": f"{_difference(solve(their_steps).players, run(their_steps), case.players):.0e}",
    }


def _iterations(solve: Callable[..., gs.Solution], steps: int) -> float:
    trace = solve(steps, record=lambda players, state: optax.tree.get(state, "iterations")).trace
    return float(np.mean(trace))


def _difference(ours: Any, theirs: Any, start: Any) -> float:
    distance = lambda a, b: float(optax.tree.norm(jax.tree.map(lambda p, q: p - q, a, b)))
    return distance(ours, theirs) / distance(ours, start)
