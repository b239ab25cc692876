"""The compiled loops of `gamesolve.solve` and `gamesolve.run`.

Their counters are the clock of the plan, which starts at ``plan.start``: a draw then costs no addition.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from gamesolve.driving.forward import forward_only
from gamesolve.driving.plan import Plan, Reached, Status
from gamesolve.driving.rows import blank, row_of, written
from gamesolve.driving.sets import declared_by, natural_residual
from gamesolve.game import Game
from gamesolve.linear import Report
from gamesolve.solver import Solver
from gamesolve.trees import Marks, Players, PyTree, Row, Scalar, State, norm

# Players and state, with a clock or rows between steps; the third is None if nothing asks for it.
_Carry: TypeAlias = tuple[Players, State, PyTree]


def fixed(plan: Plan, players: Players, state: State) -> Reached:
    """Take exactly ``plan.length`` steps: a scan over blocks of ``plan.every`` steps, each a scan."""

    def advance(carry: _Carry, _: None) -> tuple[_Carry, None]:
        players, state, clock = carry
        game = plan.bound(clock)
        players, state = move(game, plan.solver, players, state, descent(game, players))
        return (players, state, jax.tree.map(lambda t: t + 1, clock)), None

    start = state
    # Without sampling nothing reads the clock, and counting would cost a tiny game a tenth of its step.
    carry = (players, state, None if plan.sample is None else plan.clock(0))
    record = plan.record
    if record is None:
        (players, state, _), rows = jax.lax.scan(advance, carry, length=plan.length)
    else:

        def block(carry: _Carry, _: None) -> tuple[_Carry, Row]:
            carry, _ = jax.lax.scan(advance, carry, length=plan.every)
            players, state, _ = carry
            return carry, row_of(record, players, state)

        (players, state, _), rows = jax.lax.scan(block, carry, length=plan.length // plan.every)
    return Reached(players, state, rows, plan.length, _budget(players, state, start))


def counted(plan: Plan, players: Players, state: State, begin: jax.Array, end: jax.Array) -> Reached:
    """Take the steps from ``begin`` to ``end``, which are known at run time only.

    Rows are recorded at multiples of ``plan.every``; the first one returned is the first after ``begin``.
    """
    first, last, start = plan.clock(begin), plan.clock(end), state

    def advance(clock: jax.Array, carry: tuple[Players, State]) -> tuple[Players, State]:
        players, state = carry
        game = plan.bound(clock)
        return move(game, plan.solver, players, state, descent(game, players))

    if plan.record is None:
        players, state = jax.lax.fori_loop(first, last, advance, (players, state))
        return Reached(players, state, None, end, _budget(players, state, start))

    record, origin = plan.record, plan.clock(begin - begin % plan.every)

    def block(row: jax.Array, carry: _Carry) -> _Carry:
        players, state, rows = carry
        opening = origin + row * plan.every
        closing = jnp.minimum(opening + plan.every, last)
        players, state = jax.lax.fori_loop(jnp.maximum(opening, first), closing, advance, (players, state))
        whole = closing == opening + plan.every
        return players, state, written(rows, row, row_of(record, players, state), whole)

    number = -((origin - last) // plan.every)
    carry = (players, state, blank(record, plan.length // plan.every, players, state))
    players, state, rows = jax.lax.fori_loop(0, number, block, carry)
    return Reached(players, state, rows, end, _budget(players, state, start))


class _Ahead(NamedTuple):
    """Carry of a run that may stop: with the game bound for the coming step and ``u`` there."""

    players: Players
    state: State
    clock: jax.Array
    game: Game
    u: Players
    status: jax.Array


def stopping(plan: Plan, players: Players, state: State, begin: Scalar, end: Scalar) -> Reached:
    """Take the steps from ``begin`` to ``end`` as `counted` does, checking before each one whether to stop."""
    origin, last = plan.clock(begin - begin % plan.every), plan.clock(end)
    declared = () if plan.tol is None else declared_by(plan.solver, players)

    def look(players: Players, state: State, clock: jax.Array) -> _Ahead:
        game = plan.bound(clock)
        u = descent(game, players)
        diverged = ~all_finite((u, players))
        if plan.max_norm is not None:
            diverged |= norm(players) > plan.max_norm
        solved = False if plan.tol is None else norm(natural_residual(declared, players, u)) <= plan.tol
        status = jnp.where(solved, Status.CONVERGED, Status.BUDGET)
        status = jnp.where(diverged, Status.DIVERGED, status).astype(jnp.int32)
        return _Ahead(players, state, clock, game, u, status)

    def advance(ahead: _Ahead) -> _Ahead:
        players, state = move(ahead.game, plan.solver, ahead.players, ahead.state, ahead.u)
        return look(players, state, ahead.clock + 1)

    def before(stop: jax.Array) -> Callable[[_Ahead], jax.Array]:
        return lambda ahead: (ahead.clock < stop) & (ahead.status == Status.BUDGET)

    ahead, record = look(players, state, plan.clock(begin)), plan.record
    rows = None if record is None else blank(record, plan.length // plan.every, players, state)
    if record is None or plan.length == 0:
        ahead = jax.lax.while_loop(before(last), advance, ahead)
    else:

        def block(carry: tuple[_Ahead, Row, jax.Array]) -> tuple[_Ahead, Row, jax.Array]:
            ahead, rows, row = carry
            closing = origin + (row + 1) * plan.every
            ahead = jax.lax.while_loop(before(jnp.minimum(closing, last)), advance, ahead)
            new = row_of(record, ahead.players, ahead.state)
            return ahead, written(rows, row, new, ahead.clock == closing), row + 1

        carry = (ahead, rows, jnp.zeros((), jnp.int32))
        ahead, rows, _ = jax.lax.while_loop(lambda carry: before(last)(carry[0]), block, carry)
    steps = ahead.clock - plan.clock(0)
    status = jnp.where(ahead.status == Status.BUDGET, _budget(ahead.players, ahead.state, state), ahead.status)
    return forward_only(Reached(ahead.players, ahead.state, rows, steps, status))


def descent(game: Game, players: Players) -> Players:
    """Return ``u = -v``, which solvers take."""
    return jax.tree.map(jnp.negative, game.gradients(players))


def move(game: Game, solver: Solver, players: PyTree, state: State, u: Players) -> tuple[Players, State]:
    """Return the players and the state after one step from ``u``."""
    moves, state = solver.update(u, state, players, game=game, grad=u, marks=Marks())
    players = optax.apply_updates(players, moves)
    return players, state


def all_finite(tree: PyTree) -> jax.Array:
    """Return whether every number of a pytree is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _budget(players: Players, state: State, start: State) -> jax.Array:
    """Return the status of a run that took all of its steps.

    A state that became NaN or infinite has diverged as well: a second moment that overflows stops Adam without a trace
    in the players. Infinities that a state begins with, such as the best value so far, and reports of inner solves
    that failed say nothing about the run.
    """
    finite = all_finite(players)
    for leaf, before in zip(_numbers(state), _numbers(start), strict=True):
        finite &= all_finite(leaf) | ~all_finite(before)
    return jnp.where(finite, Status.BUDGET, Status.DIVERGED).astype(jnp.int32)


def _numbers(state: State) -> list[jax.Array]:
    """Return the floating leaves of a state without those of reports."""
    nodes = jax.tree.leaves(state, is_leaf=lambda node: isinstance(node, Report))
    arrays = (leaf for leaf in nodes if isinstance(leaf, jax.Array))
    return [leaf for leaf in arrays if jnp.issubdtype(leaf.dtype, jnp.inexact)]
