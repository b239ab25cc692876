"""Measure how much faster than PyTorch, eager or with the package ``cgds``, gamesolve is on the same games."""

import argparse
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from types import ModuleType
from typing import NamedTuple

import jax
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES, Case
from benchmarks.measurements.timed import median_row, per_step, verdict
from benchmarks.report import Row
from gamesolve.checks.extras import needs
from gamesolve.compare.timing import interleaved, median_ratio
from gamesolve.game import Players

# The products that jaxlib 0.10 uses by default on CPUs leave one of two cores idle half of the time: a step of the GAN
# takes 1.52 ms with them and 1.10 ms with those of Eigen. XLA ends a process that names an unknown flag.
FLAGS = "--xla_cpu_experimental_ynn_fusion_type=" if version("jaxlib").startswith("0.10.") else ""
NEEDS = ("torch", "CGDs")
ADAM = 1e-4


class Match(NamedTuple):
    """A method on a game, ours against theirs.

    Attributes:
        target: how many times faster gamesolve should be, if a target was set.
        steps: gamesolve's and the peer's number of steps in one timed call.
        ours: ``ours(case)``, the optax transformation.
        theirs: ``theirs(torch_side, case)``, the peer's program, with a function that counts its CG iterations or None.
    """

    game: str
    method: str
    peer: str
    target: float | None
    steps: tuple[int, int]
    ours: Callable[[Case], optax.GradientTransformation]
    theirs: Callable[[ModuleType, Case], tuple[Callable[[int], Players], Callable[[int], float] | None]]


def _cgds(game: str, target: float, steps: tuple[int, int]) -> Match:
    ours = lambda case: gs.acgd(*case.numbers("acgd"))
    return Match(game, "ACGD", "cgds", target, steps, ours, lambda side, case: side.cgds_acgd(case))


def _bcgd(game: str, steps: tuple[int, int]) -> Match:
    ours = lambda case: gs.cgd(*case.numbers("cgd"))
    return Match(game, "CGD", "cgds, BCGD", None, steps, ours, lambda side, case: side.cgds_bcgd(case))


def _eager(method: str, ours: optax.GradientTransformation) -> Match:
    theirs = lambda side, case: side.eager(case, ADAM, getattr(side, method.lower()))
    return Match("gan", f"{method}, Adam", "eager", 2.2, (50, 50), lambda case: ours, theirs)


MATCHES = (
    # The scalar game needs its one CG iteration in every step, so gamesolve's call may be longer.
    _cgds("scalar", 1000.0, (50_000, 200)),
    _cgds("quadratic-100", 30.0, (200, 200)),
    _cgds("gan", 1.8, (20, 20)),
    _bcgd("quadratic-100", (200, 50)),
    _eager("SimGD", optax.adam(ADAM)),
    _eager("AltGD", gs.alternating(optax.adam(ADAM), optax.adam(ADAM))),
    _eager("ConOpt", optax.chain(gs.transforms.consensus(1.0), optax.adam(ADAM))),
)


OPTIONS = {
    "games": report.choices(sorted({match.game for match in MATCHES})),
    "processes": {"type": int, "default": 5, "help": "fresh processes for every row (default: %(default)s)"},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each match."""
    for index, match in enumerate(MATCHES):
        if match.game in arguments.games:
            yield median_row(partial(_row, index, arguments.repeats), "faster", arguments.processes)


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the measurement; returns the exit code: 2 if PyTorch or cgds is not installed."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        print(needs("peers", ", ".join(missing), "peers"), file=sys.stderr)
        return 2
    flags = os.environ.setdefault("XLA_FLAGS", FLAGS)  # for the processes that measure
    threads = importlib.import_module("torch").get_num_threads()
    words = {"threads": str(threads), "flags": flags}
    return report.measure("peers", rows, arguments, command, (*report.PACKAGES, *NEEDS), words=lambda _: words)


def _row(index: int, repeats: int) -> Row:
    match = MATCHES[index]
    case = CASES[match.game]()
    run, count = match.theirs(importlib.import_module("benchmarks.measurements.torch_side"), case)
    solve = partial(gs.solve, case.game, match.ours(case), case.players)
    steps, their_steps = match.steps
    times = interleaved({"ours": partial(solve, steps), "theirs": partial(run, their_steps)}, repeats)
    faster = median_ratio(times["theirs"], times["ours"]) * steps / their_steps
    return {
        "game": match.game,
        "method": match.method,
        "peer": match.peer,
        "gamesolve": per_step(times["ours"], steps),
        "theirs": per_step(times["theirs"], their_steps),
        "faster": round(faster, 2),
        "target": match.target,
        "verdict": None if match.target is None else verdict(faster >= match.target),
        "iterations": f"{_iterations(solve, their_steps):.2f} / {count(their_steps):.2f}" if count else None,
        "difference": f"{_difference(solve(their_steps).players, run(their_steps), case.players):.0e}",
    }


def _iterations(solve: Callable[..., gs.Solution], steps: int) -> float:
    trace = solve(steps, record=lambda players, state: optax.tree.get(state, "iterations")).trace
    return float(np.mean(trace))


def _difference(ours: Players, theirs: Players, start: Players) -> float:
    distance = lambda a, b: float(optax.tree.norm(jax.tree.map(lambda p, q: p - q, a, b)))
    return distance(ours, theirs) / distance(ours, start)
