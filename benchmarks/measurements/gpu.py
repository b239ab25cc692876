"""Measure an accelerator: steps per second on GANs and on lanes of small games, spectra, and memory.

It needs jax, optax and the packages that they need. PyTorch, if installed, takes part without compilation. Rows that do
not fit into the time are named as such.
"""

import argparse
import importlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.flatten_util

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements import hand
from benchmarks.measurements.cases import Case, build, gan, quadratic
from benchmarks.report import Row
from gamesolve.compare.timing import interleaved, median_ratio
from gamesolve.trees import Players

SOLVERS = ("simgd", "extragradient", "conopt", "cgd", "acgd")
ON_LANES = ("simgd", "extragradient", "cgd")
# Those that `torch_side` has as well.
IN_TORCH = ("simgd", "conopt")
# Width of the three hidden layers of both networks, by millions of parameters.
WIDTHS = {0.1: 157, 1.0: 500, 10.0: 1580}
ROUNDS = 5
OPTIONS = {
    "millions": {"type": float, "nargs": "+", "choices": sorted(WIDTHS), "default": [1.0, 10.0, 0.1]},
    "lanes": {"type": int, "nargs": "+", "default": [100, 1_000, 10_000, 100_000]},
    "batch": {"type": int, "default": 256},
    "steps": {"type": int, "default": 50, "help": "steps in one timed call (default: %(default)s)"},
    "seconds": {"type": float, "default": 300.0, "help": "no row begins after so many (default: %(default)s)"},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each GAN and solver, then the spectrum and the memory of each GAN, then the lanes."""
    began = time.monotonic()
    gans = {
        million: partial(gan, (16, 2), (WIDTHS[million],) * 3, arguments.batch, 1) for million in arguments.millions
    }
    work: dict[tuple[str, str], Callable[[], Row]] = {}
    for million, make in gans.items():
        name = f"GAN, {million:g} million"
        work |= {(name, solver): partial(_steps, make, solver, arguments.steps) for solver in SOLVERS}
        work[name, "spectrum"] = partial(_spectrum, make)
        work |= {(name, f"memory of {solver}"): partial(_memory, make, solver) for solver in SOLVERS}
    for lanes in arguments.lanes:
        work |= {(f"{lanes} lanes", solver): partial(_lanes, lanes, solver, arguments.steps) for solver in ON_LANES}
    for (what, which), measure in work.items():
        late = time.monotonic() - began > arguments.seconds
        yield {"what": what, "solver": which} | ({"note": "out of time"} if late else measure())


main = partial(report.measure, "gpu", rows)


def _steps(make: Callable[[], Case], solver: str, steps: int) -> Row:
    case, numbers = make(), make().numbers(solver)
    programs: dict[str, Callable[[], Any]] = {
        "gamesolve": partial(gs.solve, case.game, build(solver, *numbers), case.players, steps),
        "by hand": partial(_by_hand(case, solver, steps), case.players, case.arguments),
    }
    if solver in IN_TORCH and importlib.util.find_spec("torch"):
        side = importlib.import_module("benchmarks.measurements.torch_side")
        side.torch.set_default_device("cuda" if side.torch.cuda.is_available() else "cpu")
        eager, _ = side.eager(case, numbers[0], getattr(side, solver))
        programs["PyTorch, eager, Adam"] = lambda: eager(steps)
    return _rates(programs, steps)


def _lanes(lanes: int, solver: str, steps: int) -> Row:
    case = quadratic(10, steps, steps)
    numbers = case.numbers(solver)
    starts = tuple(jax.random.normal(key, (lanes, 10)) for key in jax.random.split(jax.random.key(0)))
    one = lambda players: gs.solve(case.game, build(solver, *numbers), players, steps).players
    by_hand = jax.vmap(_by_hand(case, solver, steps), in_axes=(0, None))
    programs = {
        "gamesolve": partial(jax.jit(jax.vmap(one)), starts),
        "by hand": partial(jax.jit(by_hand), starts, case.arguments),
    }
    return _rates(programs, steps * lanes)


def _by_hand(case: Case, solver: str, steps: int) -> Callable[[hand.Pair, tuple[Any, ...]], Any]:
    @jax.jit
    def run(players: hand.Pair, arguments: tuple[Any, ...]) -> Any:
        with jax.default_matmul_precision("highest"):
            return hand.run(hand.METHODS[solver], case.function(arguments), case.numbers(solver), players, steps)

    return run


def _rates(programs: Mapping[str, Callable[[], Any]], steps: int) -> Row:
    """Return the steps per second of each program, and the time of ours over that by hand."""
    times = interleaved(programs, ROUNDS, budget=0)
    row: Row = {f"{name}, steps/s": round(steps / statistics.median(seconds), 1) for name, seconds in times.items()}
    return row | {"time over by hand": round(median_ratio(times["gamesolve"], times["by hand"]), 3)}


def _spectrum(make: Callable[[], Case]) -> Row:
    """Time the leading eigenvalues of J."""
    case = make()
    times = interleaved({"": partial(gs.analysis.eigenvalues, case.game, case.players, k=4)}, ROUNDS, budget=0)[""]
    return {"note": f"4 leading eigenvalues in {statistics.median(times):.3g} s"}


def _memory(make: Callable[[], Case], solver: str) -> Row:
    """Return what a compiled run takes beside the players that go in, in multiples of their size."""
    case = make()
    run: Callable[[Players], Players] = lambda players: (
        gs.solve(case.game, build(solver, *case.numbers(solver)), players, 2).players
    )
    used = jax.jit(run).lower(case.players).compile().memory_analysis()
    size = jax.flatten_util.ravel_pytree(case.players)[0].nbytes
    if used is None:
        return {"note": "the backend does not tell"}
    return {"note": f"{(used.temp_size_in_bytes + used.output_size_in_bytes) / size:.2f} times the players"}
