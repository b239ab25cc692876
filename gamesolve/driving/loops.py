"""The compiled loops of `gamesolve.solve` and `gamesolve.run`.

Their counters are the clock of the plan, which starts at ``plan.start``: a draw then costs no addition.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_moves
from gamesolve.checks.calls import called
from gamesolve.driving.forward import forward_only
from gamesolve.driving.plan import Computed, Plan, Reached, Status, StepState
from gamesolve.driving.rows import blank, written
from gamesolve.driving.sets import declared_by, natural_residual
from gamesolve.driving.sound import Sound, all_finite, sound_leaves, still_sound
from gamesolve.game import Game
from gamesolve.solver import Solver
from gamesolve.trees import Marks, Players, PyTree, Row, Scalar, State, norm, strong

# Players and state, what the last step computed, and a clock or rows; the last two are None if nothing asks for them.
_Carry: TypeAlias = tuple[Players, State, PyTree, PyTree]


def fixed(plan: Plan, players: Players, state: State) -> Reached:
    """Take exactly ``plan.length`` steps: a scan over blocks of ``plan.every`` steps, each a scan."""

    def advance(carry: _Carry, _: None) -> tuple[_Carry, None]:
        players, state, _, clock = carry
        entered = enter(plan.bound(clock), players, state, plan.computes)
        players, state = _moved(plan, entered, players, state)
        return (players, state, entered.computed, jax.tree.map(lambda t: t + 1, clock)), None

    sound = sound_leaves(state)
    # Without sampling nothing reads the clock, and counting would cost a tiny game a tenth of its step.
    carry = (players, state, nothing_computed(plan, players, state), None if plan.sample is None else plan.clock(0))
    if plan.record is None:
        (players, state, *_), rows = jax.lax.scan(advance, carry, length=plan.length)
    else:

        def block(carry: _Carry, _: None) -> tuple[_Carry, Row]:
            carry, _ = jax.lax.scan(advance, carry, length=plan.every)
            return carry, recorded(plan, *carry[:3])

        (players, state, *_), rows = jax.lax.scan(block, carry, length=plan.length // plan.every)
    return Reached(players, state, rows, plan.length, _budget(players, state, sound))


def counted(plan: Plan, players: Players, state: State, sound: Sound, begin: jax.Array, end: jax.Array) -> Reached:
    """Take the steps from ``begin`` to ``end``, which are known at run time only.

    Rows are recorded at multiples of ``plan.every``; the first one returned is the first after ``begin``. ``sound`` are
    the `sound_leaves` of the state: if they were computed here, a program that takes over its memory would copy it.
    """
    first, last = plan.clock(begin), plan.clock(end)

    def advance(clock: jax.Array, carry: tuple[Players, State, PyTree]) -> tuple[Players, State, PyTree]:
        players, state, _ = carry
        entered = enter(plan.bound(clock), players, state, plan.computes)
        return *_moved(plan, entered, players, state), entered.computed

    seen = (players, state, nothing_computed(plan, players, state))
    if plan.record is None:
        players, state, _ = jax.lax.fori_loop(first, last, advance, seen)
        return Reached(players, state, None, end, _budget(players, state, sound))

    origin = plan.clock(begin - begin % plan.every)

    def block(row: jax.Array, carry: _Carry) -> _Carry:
        *seen, rows = carry
        opening = origin + row * plan.every
        closing = jnp.minimum(opening + plan.every, last)
        seen = jax.lax.fori_loop(jnp.maximum(opening, first), closing, advance, tuple(seen))
        whole = closing == opening + plan.every
        return *seen, written(rows, row, recorded(plan, *seen), whole)

    number = -((origin - last) // plan.every)
    carry = (*seen, blank(row_shapes(plan, players, state), plan.length // plan.every))
    players, state, _, rows = jax.lax.fori_loop(0, number, block, carry)
    return Reached(players, state, rows, end, _budget(players, state, sound))


class Entered(NamedTuple):
    """What is known of a step at its players: the game bound for it, ``u`` there, and a `Computed` if asked for."""

    game: Game
    u: Players
    computed: PyTree


class _Ahead(NamedTuple):
    """Carry of a run that may stop: with what is known of the coming step, and what the last one computed."""

    players: Players
    state: State
    clock: jax.Array
    entered: Entered
    computed: PyTree
    status: jax.Array


def stopping(plan: Plan, players: Players, state: State, sound: Sound, begin: Scalar, end: Scalar) -> Reached:
    """Take the steps from ``begin`` to ``end`` as `counted` does, checking before each one whether to stop."""
    origin, last = plan.clock(begin - begin % plan.every), plan.clock(end)
    declared = () if plan.tol is None else declared_by(plan.solver, players)

    def look(players: Players, state: State, clock: jax.Array, computed: PyTree) -> _Ahead:
        entered = enter(plan.bound(clock), players, state, plan.computes)
        u = entered.u
        diverged = ~all_finite((u, players))
        if plan.max_norm is not None:
            diverged |= norm(players) > plan.max_norm
        solved = False if plan.tol is None else norm(natural_residual(declared, players, u)) <= plan.tol
        status = jnp.where(solved, Status.CONVERGED, Status.BUDGET)
        status = jnp.where(diverged, Status.DIVERGED, status).astype(jnp.int32)
        return _Ahead(players, state, clock, entered, computed, status)

    def advance(ahead: _Ahead) -> _Ahead:
        players, state = _moved(plan, ahead.entered, ahead.players, ahead.state)
        return look(players, state, ahead.clock + 1, ahead.entered.computed)

    def before(stop: jax.Array) -> Callable[[_Ahead], jax.Array]:
        return lambda ahead: (ahead.clock < stop) & (ahead.status == Status.BUDGET)

    ahead = look(players, state, plan.clock(begin), nothing_computed(plan, players, state))
    rows = blank(row_shapes(plan, players, state), plan.length // plan.every)
    if plan.record is None or plan.length == 0:
        ahead = jax.lax.while_loop(before(last), advance, ahead)
    else:

        def block(carry: tuple[_Ahead, Row, jax.Array]) -> tuple[_Ahead, Row, jax.Array]:
            ahead, rows, row = carry
            closing = origin + (row + 1) * plan.every
            ahead = jax.lax.while_loop(before(jnp.minimum(closing, last)), advance, ahead)
            new = recorded(plan, ahead.players, ahead.state, ahead.computed)
            return ahead, written(rows, row, new, ahead.clock == closing), row + 1

        carry = (ahead, rows, jnp.zeros((), jnp.int32))
        ahead, rows, _ = jax.lax.while_loop(lambda carry: before(last)(carry[0]), block, carry)
    steps = ahead.clock - plan.clock(0)
    status = jnp.where(ahead.status == Status.BUDGET, _budget(ahead.players, ahead.state, sound), ahead.status)
    return forward_only(Reached(ahead.players, ahead.state, rows, steps, status))


def descent(game: Game, players: Players) -> Players:
    """Return ``u = -v``, which solvers take."""
    return jax.tree.map(jnp.negative, game.gradients(players))


def enter(game: Game, players: Players, state: State, computes: bool) -> Entered:
    """Return what is known at the players of the coming step; ``computes`` asks for a `Computed`."""
    if game.model_state is None and not computes:
        return Entered(game, descent(game, players), None)
    if game.model_state is not None:
        game = dataclasses.replace(game, model_state=state.model_state)
    game, payoffs, metrics = game.entered(players)
    u = descent(game, players)
    if not computes:
        return Entered(game, u, None)
    return Entered(game, u, strong(Computed(payoffs, metrics, tuple(map(norm, u)), game.data)))


def move(entered: Entered, solver: Solver, players: PyTree, state: State) -> tuple[Players, State]:
    """Return the players and the state after the step."""
    game, u, _ = entered
    of_solver = state if game.model_state is None else state.solver
    moves, of_solver = solver.update(u, of_solver, players, game=game, grad=u, marks=Marks())
    check_moves(moves, players)
    state = of_solver if game.model_state is None else StepState(game.model_state.after, of_solver)
    moved: PyTree = optax.apply_updates(players, moves)
    return moved, state


def recorded(plan: Plan, players: Players, state: State, computed: PyTree) -> Row:
    """Return one row."""
    args = (players, state, computed) if plan.computes else (players, state)
    takes = "the players and the state, and perhaps what the step has computed"
    hint = "Write lambda players, state: ..."
    return called("record", plan.record, *args, takes=takes, hint=hint)  # pyright: ignore[reportArgumentType]


def row_shapes(plan: Plan, players: Players, state: State) -> Row:
    """Return the shapes and dtypes of one row; None without a record."""
    if plan.record is None:
        return None
    return jax.eval_shape(partial(recorded, plan), players, state, nothing_computed(plan, players, state))


def nothing_computed(plan: Plan, players: Players, state: State) -> PyTree:
    """Return zeros in place of what the step before the first one would have computed; None if nothing asks for it."""
    if not plan.computes:
        return None
    computed = lambda players, state: enter(plan.bound(plan.start), players, state, computes=True).computed
    shapes = jax.eval_shape(computed, players, state)
    return jax.tree.map(lambda leaf: jax.lax.full(leaf.shape, 0, leaf.dtype), shapes)


def _moved(plan: Plan, entered: Entered, players: Players, state: State) -> tuple[Players, State]:
    """Return the result of `move`, or raise if the state can't be carried through a loop."""
    players, new = move(entered, plan.solver, players, state)
    if jax.tree.structure(new) != jax.tree.structure(state):
        raise ValueError(
            "the state of a solver must keep its structure in solve and run, got another one after a step. Call step "
            "in a loop, for example with optax.monitor."
        )
    return players, new


def _budget(players: Players, state: State, sound: Sound) -> jax.Array:
    """Return the status of a run that took all of its steps; ``sound`` is that of the state it began with.

    A state that became NaN or infinite has diverged as well: a second moment that overflows stops Adam without a trace
    in the players. Reports of inner solves that failed say nothing about the run.
    """
    return jnp.where(all_finite(players) & still_sound(state, sound), Status.BUDGET, Status.DIVERGED).astype(jnp.int32)
