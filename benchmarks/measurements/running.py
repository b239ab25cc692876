"""Measure the loop on the host and checkpoints beside one compiled call, and lanes side by side beside single runs."""

import argparse
import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES
from benchmarks.measurements.timed import compared
from benchmarks.report import Row
from gamesolve.compare.timing import interleaved
from gamesolve.game import Players

Lane = Callable[[jax.Array], Players]


class _Terminal(io.StringIO):
    """A terminal, on which a progress bar is drawn."""

    def isatty(self) -> bool:
        return True


def cost(repeats: int, *, steps: int, target: float, every: int | None = None) -> Row:
    """Time `run` with chunks of 100 steps and its bar, and a checkpoint every so many steps, beside `solve`."""
    case = CASES["gan"]()
    arguments = (case.game, gs.simgd(1e-3, 0.5), case.players, steps)

    def run() -> gs.Solution:
        with contextlib.redirect_stderr(_Terminal()):
            if every is None:
                return gs.run(*arguments)
            with tempfile.TemporaryDirectory() as folder:
                return gs.run(*arguments, checkpoint=folder, checkpoint_every=every // 100)

    return compared(interleaved({"one": run, "other": partial(gs.solve, *arguments)}, repeats), steps, target)


def gain(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, target: float) -> Row:
    """Time a sweep beside a Python loop over 64 of its lanes, each a call of one compiled program."""
    lane, some = make(), jnp.asarray(rates[:: len(rates) // 64])
    single = jax.jit(lane)

    def loop() -> None:
        for rate in some:
            jax.block_until_ready(single(rate))

    times = interleaved({"one": lambda: gs.sweep(lane, {"rate": rates}).values, "other": loop}, repeats)
    times["other"] = [seconds * len(rates) / len(some) for seconds in times["other"]]
    return compared(times, len(rates), target, gain=True)


def ordered(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, target: float) -> Row:
    """Time lanes of very different cost, sorted and in groups, beside all of them under one ``vmap``."""
    lane = make()
    together = jax.jit(jax.vmap(lane))
    sweep = partial(gs.sweep, lane, {"rate": rates}, order_by=lambda point: point["rate"])
    times = interleaved({"one": lambda: sweep().values, "other": lambda: together(rates)}, repeats)
    return compared(times, len(rates), target, gain=True)


def _lane(name: str, make: Callable[[jax.Array], gs.Solver], steps: int) -> Lane:
    """Return a lane of a sweep over step sizes."""
    case = CASES[name]()
    return lambda rate: gs.solve(case.game, make(rate), case.players, steps).players


SCALAR = partial(_lane, "scalar", gs.simgd, 50_000)
SMALL, LARGE = (partial(_lane, f"quadratic-{size}", gs.cgd, steps) for size, steps in ((10, 500), (100, 50)))
SLOW, FAST = np.geomspace(1e-5, 1e-3, 1024), np.geomspace(0.3, 0.6, 1024)
SHUFFLED = np.random.default_rng(0).permutation(np.geomspace(1e-2, 10, 256))
COSTS: Mapping[str, Callable[[int], Row]] = {
    "run / solve, gan, chunks of 100": partial(cost, steps=1000, target=1.03),
    "run / solve, gan, checkpoint every 1000": partial(cost, steps=2000, target=1.05, every=1000),
}
ROWS: Mapping[str, Callable[[int], Row]] = {
    **COSTS,
    "sweep / loop, simgd, scalar, 1024 lanes": partial(gain, make=SCALAR, rates=SLOW, target=12.0),
    "sweep / loop, cgd, quadratic-10, 1024 lanes": partial(gain, make=SMALL, rates=FAST, target=3.0),
    "sweep / vmap, cgd, quadratic-100, rates over 3 decades": partial(ordered, make=LARGE, rates=SHUFFLED, target=2.0),
}
OPTIONS = {"rows": report.choices(ROWS)}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the rows."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    for name in arguments.rows:
        yield {"what": name} | ROWS[name](arguments.repeats)


main = partial(report.measure, "running", rows)
