"""The compiled chunks of a long run: launched, waited for, and replayed up to their last finite step."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.game import Game, Players
from gamesolve.loops import Plan, Solution, Status, all_finite, binder, counted, stopping
from gamesolve.parametric import Solver


class Program(NamedTuple):
    """What the chunks of a run have in common; the last three are part of the program, the others its arguments."""

    game: Game
    solver: Solver
    key: jax.Array | None
    record: Any
    tol: Any
    max_norm: Any
    start: int
    length: int
    every: int


class Flight(NamedTuple):
    """A chunk that the devices are computing, and how to compute it once more up to another step."""

    replay: Callable[[int], Solution]
    begin: int
    end: int
    solution: Solution


@jax.jit
def begin(solver: Solver, players: Players) -> Any:
    """Return a solver's first state."""
    return strong(solver.init(players))


def launch(program: Program, players: Players, state: Any, sample: Any, begin: int, end: int) -> Flight:
    """Start the steps from ``begin`` to ``end`` without waiting for them; the arguments stay usable."""
    *arguments, start, length, every = program
    origin = begin - (begin - start) % every
    compiled = partial(_chunk, *arguments, players, state, sample, origin, begin, length=length, every=every)
    return Flight(compiled, begin, end, compiled(end))


def settle(flight: Flight) -> Solution:
    """Wait for a chunk; one that left the finite numbers is cut short at its last finite players.

    The steps themselves look at nothing: a chunk that ends badly is computed anew up to other steps, found by
    bisection, which costs as much as a few chunks and happens once.
    """
    solution = jax.block_until_ready(flight.solution)
    if int(solution.status) != Status.DIVERGED or finite(solution.players):
        return solution
    last, bad = flight.begin, int(solution.steps)
    while bad - last > 1:
        middle = (last + bad) // 2
        last, bad = (middle, bad) if finite(flight.replay(middle).players) else (last, middle)
    return flight.replay(last)._replace(status=jnp.int32(Status.DIVERGED))


def finite(tree: Any) -> bool:
    """Whether every number of a pytree is finite."""
    return bool(_all_finite(tree))


def strong(tree: Any) -> Any:
    """Return a pytree of arrays with types of their own, as they are after they were written and read."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf, tree)


_all_finite = jax.jit(all_finite)


@partial(jax.jit, static_argnames=("length", "every"))
def _chunk(
    game: Game,
    solver: Solver,
    key: jax.Array | None,
    record: Any,
    tol: Any,
    max_norm: Any,
    players: Players,
    state: Any,
    sample: Any,
    origin: jax.Array,
    begin: jax.Array,
    end: jax.Array,
    *,
    length: int,
    every: int,
) -> Solution:
    """Take the steps from ``begin`` to ``end``; rows are recorded every so many steps from ``origin`` on."""
    origin, begin, end = (jnp.asarray(t, jnp.int32) for t in (origin, begin, end))
    plan = Plan(binder(game, sample, key), solver, origin, length, record, every)
    if tol is None and max_norm is None:
        solution = counted(plan, players, state, begin, end)
    else:
        solution = stopping(plan, players, state, tol, max_norm, begin, end)
    return solution._replace(players=strong(solution.players), state=strong(solution.state))
