"""Measure how long one step of every solver takes to compile, by the number of leaves of each player."""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.sparse.linalg import cg

import gamesolve as gs
from benchmarks import report
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.trees import Players, PyTree

# CGD as one writes it with the conjugate gradients of JAX, without certificate, fallback and warm start.
BY_HAND = "cgd by hand"
NUMBERS = (1, 10, 100, 400)
OPTIONS = {
    "solvers": report.choices((*registry.SOLVERS, BY_HAND)),
    "leaves": {"type": int, "nargs": "+", "default": list(NUMBERS), "help": "leaves per player (default: %(default)s)"},
}
ENTRIES, STEP = 3, 0.1
# Seconds beyond which more leaves are not tried: solves by GMRES would take minutes.
PATIENCE = 20


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each solver: seconds, and the ratio to simgd at the largest number of leaves."""
    plain = _seconds("simgd", arguments.leaves[-1])
    for name in arguments.solvers:
        seconds: dict[int, float] = {}
        for number in arguments.leaves:
            if max(seconds.values(), default=0) < PATIENCE:
                seconds[number] = _seconds(name, number)
        row = {str(number): round(seconds[number], 2) if number in seconds else None for number in arguments.leaves}
        last = seconds.get(arguments.leaves[-1])
        yield {"solver": name} | row | {"ratio": None if last is None else last / plain}


main = partial(report.measure, "leaves", rows)


def _payoff(x: PyTree, y: PyTree) -> jax.Array:
    return sum((jnp.tanh(a) @ b for a, b in zip(x, y, strict=True)), jnp.zeros(()))


def _seconds(name: str, leaves: int) -> float:
    """Return the processor time of tracing and compiling one step, which no cache has seen."""
    players = tuple(tuple(jnp.ones(ENTRIES) for _ in range(leaves)) for _ in range(2))
    step, arguments = _step(name, players)
    jax.clear_caches()
    began = time.process_time()
    jax.jit(step).lower(*arguments).compile()
    return time.process_time() - began


def _step(name: str, players: Players) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    if name == BY_HAND:
        return _cgd, (players,)
    game, solver = gs.zero_sum(_payoff), registry.SOLVERS[name].build(STEP)
    return lambda players, state: gs.step(game, solver, players, state), (players, solver.init(players))


def _cgd(players: Players) -> Players:
    x, y = players
    down, up = jax.grad(_payoff, (0, 1))(x, y)
    to_x = lambda t: jax.jvp(lambda y: jax.grad(_payoff, 0)(x, y), (y,), (t,))[1]
    to_y = lambda t: jax.jvp(lambda x: jax.grad(_payoff, 1)(x, y), (x,), (t,))[1]
    axpy = lambda scale, a, b: jax.tree.map(lambda a, b: scale * a + b, a, b)
    move, _ = cg(lambda t: axpy(STEP**2, to_x(to_y(t)), t), axpy(STEP, to_x(up), down), tol=1e-6)
    return axpy(-STEP, move, x), axpy(STEP, axpy(-STEP, to_y(move), up), y)
