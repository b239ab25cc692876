"""The compiled chunks of a long run: launched, waited for, and replayed up to their last finite step."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

from gamesolve.driving.loops import Plan, Solution, Status, all_finite, binder, counted, stopping
from gamesolve.game import Game, Players
from gamesolve.solver import Solver


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
    """A chunk that the devices are computing, from where, and how to compute it once more up to another step.

    What it starts from is not donated to it: the last finite players are found by a replay from there, and callbacks
    may look at it while the devices compute. So a run holds its players and state twice.
    """

    replay: Callable[[int], Solution]
    begin: int
    end: int
    origin: tuple[Players, Any]
    solution: Solution


def begin(solver: Solver, players: Players) -> Any:
    """Return a solver's first state, on the devices of the players."""
    shardings = (leaf.sharding for leaf in jax.tree.leaves(players))
    meshes = [sharding.mesh for sharding in shardings if isinstance(sharding, NamedSharding)]
    if not meshes:
        return _begin(solver, players)
    # Not compiled: only an array of zeros that is made now lies where the players lie.
    everywhere = NamedSharding(meshes[0], PartitionSpec())
    put = lambda leaf: leaf if len(leaf.sharding.device_set) > 1 else jax.device_put(leaf, everywhere)
    return jax.tree.map(put, strong(solver.init(players)))


def placed(array: Any, like: jax.Array) -> jax.Array:
    """Put an array on the devices of another one, where those are several."""
    return jax.device_put(array, like.sharding) if len(like.sharding.device_set) > 1 else jnp.asarray(array)


def launch(program: Program, players: Players, state: Any, sample: Any, begin: int, end: int) -> Flight:
    """Start the steps from ``begin`` to ``end`` without waiting for them; the arguments stay usable."""
    *arguments, start, length, every = program
    origin = begin - (begin - start) % every
    compiled = partial(_chunk, *arguments, players, state, sample, origin, begin, length=length, every=every)
    return Flight(compiled, begin, end, (players, state), compiled(end))


def settle(flight: Flight) -> Solution:
    """Wait for a chunk; one that left the finite numbers is cut short at its last finite players.

    The steps themselves look at nothing: a chunk that ends badly is computed anew up to other steps, found by
    bisection, which costs as much as a few chunks and happens once.
    """
    solution = jax.block_until_ready(flight.solution)
    if int(solution.status) != Status.DIVERGED or finite(solution.players):
        return _settled(solution, flight)
    last, bad = flight.begin, int(solution.steps)
    while bad - last > 1:
        middle = (last + bad) // 2
        last, bad = (middle, bad) if finite(flight.replay(middle).players) else (last, middle)
    return _settled(flight.replay(last)._replace(status=jnp.int32(Status.DIVERGED)), flight)


def finite(tree: Any) -> bool:
    """Whether every number of a pytree is finite."""
    return bool(_all_finite(tree))


def strong(tree: Any) -> Any:
    """Return a pytree of arrays with types of their own, as they are after they were written and read."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf, tree)


def _settled(solution: Solution, flight: Flight) -> Solution:
    """Leave everything on its devices: all chunks then run one program, those of a resumed run as well."""
    players, state = jax.tree.map(placed, (solution.players, solution.state), flight.origin)
    return solution._replace(players=players, state=state)


_all_finite = jax.jit(all_finite)


@jax.jit
def _begin(solver: Solver, players: Players) -> Any:
    return strong(solver.init(players))


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
