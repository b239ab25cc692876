"""How the chunks of a long run share memory: each beside the one before it, or in its place."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.driving import stale
from gamesolve.driving.loops import counted, stopping
from gamesolve.driving.plan import Plan, Reached, Status
from gamesolve.driving.signals import hearing_signals
from gamesolve.driving.sound import Sound, all_finite, sound_leaves
from gamesolve.trees import Players, PyTree, Scalar, State, strong


class Flight(NamedTuple):
    """A chunk from ``origin`` to step ``end``; ``start()`` returns its result, which the devices may still compute."""

    plan: Plan
    origin: Reached
    end: int
    start: Callable[[], Reached]


class Way(NamedTuple):
    """How the chunks of a run share memory.

    Attributes:
        launch: ``launch(origin, plan, end) -> start`` prepares a chunk and returns the ``start`` of its `Flight`.
        replay: ``replay(plan, origin, bad) -> result`` returns the last finite players of a chunk whose players are not
            finite after step ``bad``; None if nothing is left to compute them from.
    """

    launch: Callable[[Reached, Plan, int], Callable[[], Reached]]
    replay: Callable[[Plan, Reached, int], Reached] | None


def flight_of(way: Way, origin: Reached, plan: Plan, number: int) -> Flight | None:
    """Return the chunk of the next steps; None if there are none to take."""
    end = origin.steps + number
    return Flight(plan, origin, end, way.launch(origin, plan, end)) if number else None


def lost(reached: Reached) -> bool:
    """Return whether the players of a run that diverged are not finite."""
    return int(reached.status) == Status.DIVERGED and not finite(reached.players)


def wait(result: Reached) -> None:
    """Wait for a chunk so that each signal is heard at once; JAX's own wait would hold them back until its end."""
    if not result.status.is_ready():
        hearing_signals(lambda: jax.block_until_ready(result))
    jax.block_until_ready(result)  # raises the errors of the chunk


def as_they_are(tree: PyTree) -> PyTree:
    """Return arrays that a run only reads."""
    return tree


def copied(tree: PyTree) -> PyTree:
    """Return copies of arrays, whose memory a run may take over."""
    return jax.tree.map(jnp.copy, tree)


def _started(origin: Reached, plan: Plan, end: int) -> Callable[[], Reached]:
    """Start a chunk at once, beside its origin: the next chunk runs while callbacks look at the last one."""
    result = _carried_on(beside, plan, origin, end)
    return lambda: result


def _replayed(plan: Plan, origin: Reached, bad: int) -> Reached:
    """Return the last finite players of a chunk, found by bisection.

    The steps themselves check nothing. To compute a chunk again costs as much as a few chunks and happens once per run.
    """
    good = origin.steps
    while bad - good > 1:
        middle = (good + bad) // 2
        kept = finite(_carried_on(beside, plan, origin, middle).players)
        good, bad = (middle, bad) if kept else (good, middle)
    return _carried_on(beside, plan, origin, good)


def _deferred(origin: Reached, plan: Plan, end: int) -> Callable[[], Reached]:
    """Prepare a chunk that takes over the memory of its origin, when nobody looks at the origin any more."""
    return lambda: _carried_on(in_place, plan, origin, end)


def _carried_on(advance: Callable[..., Reached], plan: Plan, origin: Reached, end: int) -> Reached:
    result = advance(plan, origin.players, origin.state, _sound_leaves(origin.state), origin.steps, end)
    stale.check(stale.functions_of(plan), (plan, origin.players))
    return result


def _steps(plan: Plan, players: Players, state: State, sound: Sound, begin: Scalar, end: Scalar) -> Reached:
    """Take the steps from ``begin`` to ``end``."""
    begin, end = jnp.asarray(begin, jnp.int32), jnp.asarray(end, jnp.int32)
    reached = (stopping if plan.may_stop else counted)(plan, players, state, sound, begin, end)
    stale.remember(stale.functions_of(plan), (plan, players))
    return reached._replace(players=strong(reached.players), state=strong(reached.state))


beside = jax.jit(_steps)
in_place = jax.jit(_steps, donate_argnames=("players", "state"))
_sound_leaves = jax.jit(sound_leaves)
finite = jax.jit(all_finite)

BESIDE, IN_PLACE = Way(_started, _replayed), Way(_deferred, None)
