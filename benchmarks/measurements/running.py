"""What do the loop on the host and checkpoints cost beside one compiled call, and what do lanes side by side gain?"""

import argparse
import contextlib
import functools
import io
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import CASES
from benchmarks.timing import Program, interleaved, median_ratio

NOTES = (
    "Costs: time over the time of one call of `gs.solve` for the same steps; a target is a most. Gains: game-steps a "
    "second over those of the other way; a target is a least. Rounds are interleaved and the ratio is the median over "
    "them. The single runs are compiled once and called in a Python loop; their time is that of a part of the lanes. "
    "The process has a CPU device for each core (`jax_num_cpu_devices`); a sweep divides its lanes among all devices, "
    "the loop and the plain `vmap` run on one, as they would without."
)
LANES = 1024
Lane = Callable[[Any], Any]


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the suite's own options."""
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the suite; returns the exit code."""
    jax.config.update("jax_num_cpu_devices", os.cpu_count())
    rows = []
    for name in arguments.rows:
        rows.append({"what": name} | ROWS[name](arguments.repeats))
        print(" ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    where = report.environment(command, ("jax", "jaxlib", "optax"))
    report.write("running", "Long runs and sweeps", NOTES, rows, where, arguments.out)
    print(f"\n{report.table(rows)}\n\n{sum(row['verdict'] == 'met' for row in rows)} of {len(rows)} targets met")
    return 0


def cost(repeats: int, *, steps: int, target: float, every: int | None = None) -> dict[str, Any]:
    """Time `run` with chunks of 100 steps and its bar, and a checkpoint every so many steps, beside `solve`."""
    case = CASES["gan"]()
    arguments = (case.game, gs.simgd(1e-3, 0.5), case.players, steps)

    def run() -> Any:
        with contextlib.redirect_stderr(_Terminal()):
            if every is None:
                return gs.run(*arguments)
            with tempfile.TemporaryDirectory() as folder:
                return gs.run(*arguments, checkpoint=folder, checkpoint_every=every // 100)

    times = interleaved({"run": run, "solve": functools.partial(gs.solve, *arguments)}, repeats)
    ratio = median_ratio(times["run"], times["solve"])
    each = {name: report.duration(statistics.median(seconds) / steps) for name, seconds in times.items()}
    return {
        "one": each["run"],
        "other": each["solve"],
        "ratio": ratio,
        "target": target,
        "verdict": _verdict(ratio <= target),
    }


def gain(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, part: int, target: float) -> dict[str, Any]:
    """Time a sweep beside a Python loop over a part of its lanes, each a call of one compiled program."""
    lane = make()
    single = jax.jit(lane)
    some = jnp.asarray(rates[:: len(rates) // part])

    def loop() -> None:
        for rate in some:
            jax.block_until_ready(single(rate))

    programs: Mapping[str, Program] = {"sweep": lambda: gs.sweep(lane, {"rate": rates}).values, "loop": loop}
    times = interleaved(programs, repeats)
    return _gain(
        {"sweep": times["sweep"], "other": [seconds * len(rates) / len(some) for seconds in times["loop"]]},
        len(rates),
        target,
    )


def ordered(repeats: int, *, make: Callable[[], Lane], rates: np.ndarray, target: float) -> dict[str, Any]:
    """Time lanes of very different cost, sorted and in groups, beside all of them under one ``vmap``."""
    lane = make()
    together = jax.jit(jax.vmap(lane))
    programs: Mapping[str, Program] = {
        "sweep": lambda: gs.sweep(lane, {"rate": rates}, order_by=_rate).values,
        "other": lambda: together(rates),
    }
    return _gain(interleaved(programs, repeats), len(rates), target)


class _Terminal(io.StringIO):
    """What a bar is drawn on."""

    def isatty(self) -> bool:
        return True


def _gain(times: Mapping[str, list[float]], lanes: int, target: float) -> dict[str, Any]:
    ratio = median_ratio(times["other"], times["sweep"])
    one, other = (report.duration(statistics.median(times[name]) / lanes) for name in ("sweep", "other"))
    return {"one": one, "other": other, "ratio": ratio, "target": target, "verdict": _verdict(ratio >= target)}


def _verdict(met: bool) -> str:
    return "met" if met else "missed"


def _rate(point: dict[str, Any]) -> Any:
    return point["rate"]


def _scalar_lane() -> Lane:
    case = CASES["scalar"]()
    return lambda rate: gs.solve(case.game, gs.simgd(rate), case.players, 50_000).players


def _quadratic_lane(name: str, steps: int) -> Lane:
    case = CASES[name]()
    return lambda rate: gs.solve(case.game, gs.cgd(rate), case.players, steps).players


COSTS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "run / solve, gan, chunks of 100": functools.partial(cost, steps=1000, target=1.03),
    "run / solve, gan, checkpoint every 1000": functools.partial(cost, steps=2000, target=1.05, every=1000),
}
GAINS: Mapping[str, Callable[[int], dict[str, Any]]] = {
    "sweep / loop, simgd, scalar, 1024 lanes": functools.partial(
        gain, make=_scalar_lane, rates=np.geomspace(1e-5, 1e-3, LANES), part=64, target=12.0
    ),
    "sweep / loop, cgd, quadratic-10, 1024 lanes": functools.partial(
        gain,
        make=functools.partial(_quadratic_lane, "quadratic-10", 500),
        rates=np.geomspace(0.3, 0.6, LANES),
        part=64,
        target=3.0,
    ),
    "sweep / vmap, cgd, quadratic-100, rates over 3 decades": functools.partial(
        ordered,
        make=functools.partial(_quadratic_lane, "quadratic-100", 50),
        rates=np.random.default_rng(0).permutation(np.geomspace(1e-2, 10, 256)),
        target=2.0,
    ),
}
ROWS = {**COSTS, **GAINS}
