"""The compiled chunks of a long run: launched, waited for, and replayed up to their last finite step."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from gamesolve.driving import rows, stale
from gamesolve.driving.loops import all_finite, counted, stopping
from gamesolve.driving.plan import Plan, Reached, Status, check_state
from gamesolve.game import as_players
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, Row, Scalar, State
from gamesolve.trees.faces import shown

# Rows that were recorded one after the other, each stack with the steps of its rows.
Stacks: TypeAlias = list[tuple[Row, np.ndarray]]


@shown()
class Chunk(NamedTuple):
    """The argument of a callback of `run`, after each chunk of steps.

    Attributes:
        players: the players after the chunk.
        state: the solver's optax state there.
        rows: the records of this chunk, stacked, as arrays on the host, keys as their key data; None
            without ``record``.
        row_steps: the step after which each row was recorded.
        steps: number of steps taken, ``start`` included.
        status: a `Status`.
        seconds: duration of the chunk.
        earlier: the stacks of rows recorded before this chunk, each with its steps; the first one may come from a
            checkpoint. A log that lost rows is completed from them. Valid while the callback runs.
    """

    players: Players
    state: State
    rows: Row
    row_steps: np.ndarray
    steps: int
    status: Status
    seconds: float
    earlier: Sequence[tuple[Row, np.ndarray]] = ()


class _Flight(NamedTuple):
    """A chunk that the devices are computing.

    It does not take over the memory of ``origin``: the last finite players are found by a replay from there, and
    callbacks may read it while the devices compute. So a run holds its players and state twice.
    """

    plan: Plan
    origin: Reached
    end: int
    result: Reached


def first(plan: Plan, players: Players, state: State | None) -> Reached:
    """Return the start of a run: with the solver's first state unless one is given, and no rows."""
    players = as_players(players, plan.game.num_players)
    for player, entry in enumerate(players):
        if not _finite(entry):
            raise ValueError(
                f"player {player} must be finite at the start, got NaN or infinity. Start from finite numbers."
            )
    if state is None:
        state = _first_state(plan.solver, players)
    else:
        check_state(plan.solver, state, players)
        state = _strong(jax.tree.map(jnp.asarray, state))
    none = rows.none_on_host(rows.shapes_of(plan.record, players, state))
    return Reached(players, state, none, 0, Status.BUDGET)


def driven(
    prepare: Callable[[int], tuple[Plan, int]], reached: Reached, interrupted: Callable[[], int]
) -> Iterator[tuple[Reached, Chunk, bool]]:
    """Run chunk after chunk; the next one is running when a chunk is yielded.

    Args:
        prepare: ``prepare(step) -> (plan, number)``, the plan of the chunk that starts after ``step`` steps, and its
            number of steps; 0 ends the run.
        reached: where to start.
        interrupted: whether to end the run after the chunk that is running.

    Yields:
        How far the run has got, with the rows of the chunk alone; the chunk as callbacks see it; and whether it is the
        last one.

    Raises:
        Exception: any error of ``prepare``, after the last chunk before it.
    """
    clock = time.perf_counter()
    plan, number = prepare(reached.steps)
    flight = _launch(reached, plan, number)
    while flight is not None:
        failure, number = None, 0
        try:
            plan, number = prepare(flight.end)  # while the devices compute
        except Exception as error:  # it comes from a user's iterable, and the chunk that is running is good
            failure = error
        begin, reached = flight.origin.steps, _settle(flight)
        goes_on = reached.status is Status.BUDGET and not interrupted()
        flight = _launch(reached, plan, number) if goes_on else None
        reached, row_steps = _recorded(plan, begin, reached)
        now = time.perf_counter()
        players, state, recorded, steps, status = reached
        chunk = Chunk(players, state, recorded, plan.start + row_steps, plan.start + steps, status, now - clock)
        yield reached, chunk, flight is None
        if failure is not None and goes_on:
            raise failure
        clock = now


def stack_of(plan: Plan, begun: Reached) -> tuple[Row, np.ndarray]:
    """Return the rows from which a run continues, with their steps."""
    number = 0 if plan.record is None else begun.steps // plan.every
    return begun.rows, plan.start + plan.every * np.arange(1, number + 1)


def joined(stacks: Stacks) -> tuple[Row, np.ndarray]:
    """Return one stack of several."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *stacks)


def placed(array: jax.typing.ArrayLike, like: jax.Array) -> jax.Array:
    """Return an array on the devices of another one, if those are several."""
    return jax.device_put(array, like.sharding) if len(like.sharding.device_set) > 1 else jnp.asarray(array)


def _launch(origin: Reached, plan: Plan, number: int) -> _Flight | None:
    """Start a number of steps without waiting for them; None if there are none to take."""
    end = origin.steps + number
    return _Flight(plan, origin, end, _carried_on(plan, origin, end)) if number else None


def _carried_on(plan: Plan, origin: Reached, end: int) -> Reached:
    result = _advance(plan, origin.players, origin.state, origin.steps, end)
    stale.check(stale.functions_of(plan), (plan, origin.players))
    return result


def _settle(flight: _Flight) -> Reached:
    """Wait for a chunk, and cut it at its last finite players if it became NaN or infinite.

    The steps themselves check nothing. A chunk that ends badly is computed again up to other steps, found by
    bisection; that costs as much as a few chunks and happens once per run.
    """
    plan, origin, _, result = flight
    _wait(result)
    status = Status(int(result.status))
    if status is Status.DIVERGED and not _finite(result.players):
        replayed, bad = origin.steps, int(result.steps)
        while bad - replayed > 1:
            middle = (replayed + bad) // 2
            good = _finite(_carried_on(plan, origin, middle).players)
            replayed, bad = (middle, bad) if good else (replayed, middle)
        result = _carried_on(plan, origin, replayed)
    # All chunks then run one program, also those of a resumed run.
    players, state = jax.tree.map(placed, (result.players, result.state), (origin.players, origin.state))
    return Reached(players, state, result.rows, int(result.steps), status)


def _wait(result: Reached) -> None:
    """Wait for a chunk so that each signal is heard at once; JAX's own wait would hold them back until its end."""
    if not result.status.is_ready():
        ready = threading.Event()

        def wait() -> None:
            try:
                jax.block_until_ready(result)
            finally:
                ready.set()

        threading.Thread(target=wait, daemon=True).start()
        ready.wait()
    jax.block_until_ready(result)  # raises the errors of the chunk here


def _recorded(plan: Plan, begin: int, reached: Reached) -> tuple[Reached, np.ndarray]:
    """Return what a chunk has reached with its rows on the host, and the step of each row."""
    done = begin // plan.every
    number = 0 if plan.record is None else reached.steps // plan.every - done
    on_host = rows.to_host(reached.rows, number)
    return reached._replace(rows=on_host), plan.every * np.arange(done + 1, done + number + 1)


def _first_state(solver: Solver, players: Players) -> State:
    """Return a solver's first state, on the devices of the players."""
    shardings = (leaf.sharding for leaf in jax.tree.leaves(players))
    meshes = [sharding.mesh for sharding in shardings if isinstance(sharding, NamedSharding)]
    if not meshes:
        return _compiled_first_state(solver, players)
    everywhere = NamedSharding(meshes[0], PartitionSpec())

    def spread(leaf: jax.Array) -> jax.Array:
        return leaf if len(leaf.sharding.device_set) > 1 else jax.device_put(leaf, everywhere)

    # Not compiled: only then do arrays of zeros made from a player lie where that player lies.
    return jax.tree.map(spread, _strong(solver.init(players)))


def _strong(tree: PyTree) -> PyTree:
    """Return a pytree of arrays without weak types, as those read from a checkpoint are."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf, tree)


def _finite(tree: PyTree) -> bool:
    return bool(_compiled_all_finite(tree))


_compiled_all_finite = jax.jit(all_finite)


@jax.jit
def _compiled_first_state(solver: Solver, players: Players) -> State:
    return _strong(solver.init(players))


@jax.jit
def _advance(plan: Plan, players: Players, state: State, begin: Scalar, end: Scalar) -> Reached:
    """Take the steps from ``begin`` to ``end``; the arguments stay usable."""
    begin, end = jnp.asarray(begin, jnp.int32), jnp.asarray(end, jnp.int32)
    reached = (stopping if plan.may_stop else counted)(plan, players, state, begin, end)
    stale.remember(stale.functions_of(plan), (plan, players))
    return reached._replace(players=_strong(reached.players), state=_strong(reached.state))
