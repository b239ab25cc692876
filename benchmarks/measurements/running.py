"""Measure the loop on the host and checkpoints beside one compiled call, and lanes side by side beside single runs."""

import argparse
import contextlib
import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES
from benchmarks.measurements.timed import per_step, verdict
from benchmarks.report import Row
from gamesolve.compare.timing import interleaved, median_ratio
from gamesolve.game import Players

LANES = 1024
Lane = Callable[[jax.Array], Players]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's own options."""
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the measurement; returns the exit code."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    rows: Iterator[Row] = ({"what": name} | ROWS[name](arguments.repeats) for name in arguments.rows)
    return report.measure("running", rows, command, arguments.out)


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

    times = interleaved({"run": run, "solve": functools.partial(gs.solve, *arguments)}, repeats)
    ratio = median_ratio(times["run"], times["solve"])
    row = {"one": per_step(times["run"], steps), "other": per_step(times["solve"], steps)}
    return row | {"ratio": round(ratio, 4), "target": target, "verdict": verdict(ratio <= target)}


def gain(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, part: int, target: float) -> Row:
    """Time a sweep beside a Python loop over some of its lanes, each a call of one compiled program."""
    lane, some = make(), jnp.asarray(rates[:: len(rates) // part])
    single = jax.jit(lane)

    def loop() -> None:
        for rate in some:
            jax.block_until_ready(single(rate))

    times = interleaved({"sweep": lambda: gs.sweep(lane, {"rate": rates}).values, "loop": loop}, repeats)
    return _gain(times["sweep"], [seconds * len(rates) / len(some) for seconds in times["loop"]], len(rates), target)


def ordered(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, target: float) -> Row:
    """Time lanes of very different cost, sorted and in groups, beside all of them under one ``vmap``."""
    lane = make()
    together = jax.jit(jax.vmap(lane))
    sweep = functools.partial(gs.sweep, lane, {"rate": rates}, order_by=lambda point: point["rate"])
    times = interleaved({"sweep": lambda: sweep().values, "vmap": lambda: together(rates)}, repeats)
    return _gain(times["sweep"], times["vmap"], len(rates), target)


def _gain(ours: list[float], theirs: list[float], lanes: int, target: float) -> Row:
    ratio = median_ratio(theirs, ours)
    row = {"one": per_step(ours, lanes), "other": per_step(theirs, lanes)}
    return row | {"ratio": ratio, "target": target, "verdict": verdict(ratio >= target)}


def _lane(name: str, make: Callable[[jax.Array], gs.Solver], steps: int) -> Lane:
    """Return a lane of a sweep over step sizes."""
    case = CASES[name]()
    return lambda rate: gs.solve(case.game, make(rate), case.players, steps).players


SCALAR = functools.partial(_lane, "scalar", gs.simgd, 50_000)
SMALL, LARGE = (functools.partial(_lane, f"quadratic-{size}", gs.cgd, steps) for size, steps in ((10, 500), (100, 50)))
SHUFFLED = np.random.default_rng(0).permutation(np.geomspace(1e-2, 10, 256))
COSTS: Mapping[str, Callable[[int], Row]] = {
    "run / solve, gan, chunks of 100": functools.partial(cost, steps=1000, target=1.03),
    "run / solve, gan, checkpoint every 1000": functools.partial(cost, steps=2000, target=1.05, every=1000),
}
ROWS: Mapping[str, Callable[[int], Row]] = COSTS | {
    "sweep / loop, simgd, scalar, 1024 lanes": functools.partial(
        gain, make=SCALAR, rates=np.geomspace(1e-5, 1e-3, LANES), part=64, target=12.0
    ),
    "sweep / loop, cgd, quadratic-10, 1024 lanes": functools.partial(
        gain, make=SMALL, rates=np.geomspace(0.3, 0.6, LANES), part=64, target=3.0
    ),
    "sweep / vmap, cgd, quadratic-100, rates over 3 decades": functools.partial(
        ordered, make=LARGE, rates=SHUFFLED, target=2.0
    ),
}
