"""The compiled chunks of a long run: launched, waited for, and replayed up to their last finite step."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from gamesolve.driving import rows
from gamesolve.driving.loops import row_shapes
from gamesolve.driving.memory import Way, finite, flight_of, lost, wait
from gamesolve.driving.plan import Plan, Reached, Status, check_state, first_state
from gamesolve.game import Game, as_players
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, Row, State, strong
from gamesolve.trees.faces import shown

# Rows that were recorded one after the other, each stack with the steps of its rows.
Stacks: TypeAlias = list[tuple[Row, np.ndarray]]


@shown()
class Chunk(NamedTuple):
    """The argument of a callback of `run`, after each chunk of steps.

    With ``donate=True`` the players and the state are deleted after the callbacks: copy what you keep of them.

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
        before: number of steps taken before this chunk, ``start`` included. A callback that has seen a chunk end there
            sees the same run, or its continuation.
    """

    players: Players
    state: State
    rows: Row
    row_steps: np.ndarray
    steps: int
    status: Status
    seconds: float
    earlier: Sequence[tuple[Row, np.ndarray]] = ()
    before: int = 0


def first(plan: Plan, players: Players, state: State | None, take: Callable[[PyTree], PyTree]) -> Reached:
    """Return the start of a run: with the solver's first state unless one is given, and no rows.

    ``take`` returns the arrays of users as the run holds them: as they are, or copies.
    """
    players = take(as_players(players, plan.game.num_players))
    for player, entry in enumerate(players):
        if not finite(entry):
            raise ValueError(
                f"player {player} must be finite at the start, got NaN or infinity. Start from finite numbers."
            )
    if state is None:
        state = _first_state(plan.game, plan.solver, players)
    else:
        check_state(plan.game, plan.solver, state, players)
        state = take(strong(state))
    none = rows.none_on_host(row_shapes(plan, players, state))
    return Reached(players, state, none, 0, Status.BUDGET)


def driven(
    prepare: Callable[[int], tuple[Plan, int]], reached: Reached, interrupted: Callable[[], int], way: Way
) -> Iterator[tuple[Reached, Chunk, bool]]:
    """Run chunk after chunk; no names here keep a chunk longer than ``way`` needs it.

    Args:
        prepare: ``prepare(step) -> (plan, number)``, the plan of the chunk that starts after ``step`` steps, and its
            number of steps; 0 ends the run.
        reached: where to start.
        interrupted: whether to end the run after the chunk that is running.
        way: how the chunks share memory.

    Yields:
        How far the run has got, with the rows of the chunk alone; the chunk as callbacks see it; and whether it is the
        last one. The first one is the start, with the chunk that led to it.

    Raises:
        Exception: any error of ``prepare``, after the last chunk before it.
    """
    clock = time.perf_counter()
    plan, number = prepare(reached.steps)
    yield reached, _latest(plan, reached), number == 0
    flight = flight_of(way, reached, plan, number)
    while flight is not None:
        result, begin, failure, number = flight.start(), flight.origin.steps, None, 0
        try:
            plan, number = prepare(flight.end)  # while the devices compute
        except Exception as error:  # it comes from a user's iterable, and the chunk that is running is good
            failure = error
        wait(result)
        if way.replay is not None and lost(result):
            launched, origin, bad = flight.plan, flight.origin, int(result.steps)
            flight = result = None
            result = way.replay(launched, origin, bad)._replace(status=Status.DIVERGED)
        reached = _settled(result, reached)
        flight = result = None
        goes_on = reached.status is Status.BUDGET and not interrupted()
        flight = flight_of(way, reached, plan, number) if goes_on else None
        reached, row_steps = _recorded(plan, begin, reached)
        now = time.perf_counter()
        yield reached, _seen(plan, reached, row_steps, now - clock, begin), flight is None
        if failure is not None and goes_on:
            raise failure
        clock = now


def stack_of(plan: Plan, begun: Reached) -> tuple[Row, np.ndarray]:
    """Return the rows from which a run continues, with their steps."""
    number = 0 if plan.record is None else begun.steps // plan.every
    return begun.rows, plan.start + plan.every * np.arange(1, number + 1)


def append(stacks: Stacks, stack: tuple[Row, np.ndarray]) -> None:
    """Append rows, and join stacks of similar length: there are then few, and each row is copied few times."""
    stacks.append(stack)
    while len(stacks) > 1 and len(stacks[-2][1]) <= len(stacks[-1][1]):
        stacks[-2:] = [joined(stacks[-2:])]


def joined(stacks: Stacks) -> tuple[Row, np.ndarray]:
    """Return one stack of several."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *stacks)


def placed(array: jax.typing.ArrayLike, like: jax.Array) -> jax.Array:
    """Return an array on the devices of another one, if those are several."""
    return jax.device_put(array, like.sharding) if len(like.sharding.device_set) > 1 else jnp.asarray(array)


def _settled(result: Reached, origin: Reached) -> Reached:
    """Return the result of a chunk on the devices of its origin: all chunks then run one program."""
    players, state = jax.tree.map(placed, (result.players, result.state), (origin.players, origin.state))
    return Reached(players, state, result.rows, int(result.steps), Status(int(result.status)))


def _recorded(plan: Plan, begin: int, reached: Reached) -> tuple[Reached, np.ndarray]:
    """Return what a chunk has reached with its rows on the host, and the step of each row."""
    done = begin // plan.every
    number = 0 if plan.record is None else reached.steps // plan.every - done
    on_host = rows.to_host(reached.rows, number)
    return reached._replace(rows=on_host), plan.every * np.arange(done + 1, done + number + 1)


def _seen(plan: Plan, reached: Reached, row_steps: np.ndarray, seconds: float, begin: int) -> Chunk:
    """Return a chunk as callbacks see it, without the rows before it."""
    players, state, recorded, steps, status = reached
    seen = Chunk(players, state, recorded, plan.start + row_steps, plan.start + steps, Status(status), seconds)
    return seen._replace(before=plan.start + begin)


def _latest(plan: Plan, begun: Reached) -> Chunk:
    """Return the chunk that led to where a run starts, without rows if none did."""
    recorded, row_steps = stack_of(plan, begun)
    chunks = max(begun.steps - 1, 0) // plan.length
    number = 0 if plan.record is None else chunks * (plan.length // plan.every)
    before, since = (
        jax.tree.map(lambda leaf: leaf[:number], recorded),
        jax.tree.map(lambda leaf: leaf[number:], recorded),
    )
    seen = _seen(plan, begun._replace(rows=since), row_steps[number:] - plan.start, 0.0, chunks * plan.length)
    return seen._replace(earlier=[(before, row_steps[:number])])


def _first_state(game: Game, solver: Solver, players: Players) -> State:
    """Return the first state of a run, on the devices of the players."""
    shardings = (leaf.sharding for leaf in jax.tree.leaves(players))
    meshes = [sharding.mesh for sharding in shardings if isinstance(sharding, NamedSharding)]
    if not meshes:
        return _compiled_first_state(game, solver, players)
    everywhere = NamedSharding(meshes[0], PartitionSpec())

    def spread(leaf: jax.Array) -> jax.Array:
        return leaf if len(leaf.sharding.device_set) > 1 else jax.device_put(leaf, everywhere)

    # Not compiled: only then do arrays of zeros made from a player lie where that player lies.
    return jax.tree.map(spread, strong(first_state(game, solver, players)))


@jax.jit
def _compiled_first_state(game: Game, solver: Solver, players: Players) -> State:
    return strong(first_state(game, solver, players))
