"""Measure the peak memory of `step`, `solve` and `run`, with Adam and the core solvers, each in a fresh process."""

import argparse
import gc
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.cases import RATES, build
from benchmarks.measurements.timed import verdict
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree

STEPS, CHUNK = 8, 2
# Freed arrays go back to the system at once, instead of into a pool whose size depends on what ran before.
ENVIRONMENT = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}


def _payoff(x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.mean(x * y)


GAME = gs.zero_sum(_payoff)
ADAM = "adam"
SOLVERS: Mapping[str, Callable[[], Solver]] = {ADAM: lambda: gs.as_solver(optax.adam(1e-3))} | {
    name: partial(build, name, *RATES[name]) for name in registry.CORE
}


def _stepped(solver: Solver, players: Players) -> PyTree:
    """Take donated steps from copies of the players."""
    step = jax.jit(partial(gs.step, GAME, solver), donate_argnums=(0, 1))
    players = jax.tree.map(jnp.copy, players)
    state = jax.jit(solver.init)(players)
    for _ in range(STEPS):
        players, state = step(players, state)
    return players, state


# The targets are those of Adam.
WAYS: Mapping[str, tuple[Callable[[Solver, Players], PyTree], float]] = {
    "step, donated": (_stepped, 5.0),
    "solve": (lambda solver, players: gs.solve(GAME, solver, players, STEPS), 4.0),
    "run": (lambda solver, players: gs.run(GAME, solver, players, STEPS, chunk=CHUNK), 7.0),
    "run, donate=True": (lambda solver, players: gs.run(GAME, solver, players, STEPS, chunk=CHUNK, donate=True), 4.5),
}
OPTIONS = {
    "rows": report.choices(WAYS),
    "solvers": report.choices(SOLVERS),
    "parameters": {"type": int, "default": 10**7, "help": "parameters of both players (default: %(default)s)"},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each way, with the peak above the players in multiples of their size."""
    for solver, name in itertools.product(arguments.solvers, arguments.rows):
        command = [sys.executable, "-m", "benchmarks.measurements.memory", name, solver, str(arguments.parameters)]
        done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=True)
        peak, target = json.loads(done.stdout), WAYS[name][1]
        judged = {"target": target, "verdict": verdict(peak <= target)} if solver == ADAM else {}
        yield {"solver": solver, "what": name, "peak": peak} | judged


main = partial(report.measure, "memory", rows)


def _peak(name: str, solver: str, parameters: int) -> float:
    """Return the peak of the second call, which compiles nothing; Linux only."""
    train = partial(WAYS[name][0], SOLVERS[solver]())
    players = tuple(jnp.full(parameters // 2, value, jnp.float32) for value in (1.0, 2.0))
    jax.block_until_ready(train(players))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before = _kilobytes("VmRSS")
    jax.block_until_ready(train(players))
    return (_kilobytes("VmHWM") - before) * 1024 / (parameters * 4)


def _kilobytes(entry: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


if __name__ == "__main__":
    print(json.dumps(_peak(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
