"""The compiled loops that `gamesolve.solve` and `gamesolve.run` share, and what a run returns."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import Ending
from gamesolve.driving.forward import forward_only
from gamesolve.game import Game, Players
from gamesolve.sampling import draw_at
from gamesolve.solver import Solver


class Status(Ending):
    """How a run ended; ``Status(int(solution.status)).sentence`` says it in words.

    BUDGET: all steps taken. CONVERGED: the field is at most ``tol``. DIVERGED: beyond ``max_norm``, or not finite.
    """

    BUDGET = 0, "took all of its steps"
    CONVERGED = 1, "reached the tolerance on the field"
    DIVERGED = 2, "exceeded the limit on the players, or became NaN or infinite"


class Solution(NamedTuple):
    """What a run returns; a pytree.

    Attributes:
        players: where it ended.
        state: the solver's optax state there.
        trace: the stacked records, leading axis ``num_steps // every``; None without ``record``.
        steps: number of steps taken, ``start`` included.
        status: a `Status`, as an integer array.
    """

    players: Players
    state: Any
    trace: Any
    steps: jax.Array
    status: jax.Array


class Plan(NamedTuple):
    """What a run does: the game at a time, the solver, when it starts and for how long, what it records and when."""

    bound: Callable[[Any], Game]
    solver: Solver
    start: jax.Array
    num_steps: int
    record: Any
    every: int


def binder(game: Game, sample: Any, key: Any) -> Callable[[Any], Game]:
    """Return the function that gives the game of a step: bound to that step's draw, where there is a sampler."""
    return lambda t: game if sample is None else game.bind(draw_at(sample, key, t))


def fixed(plan: Plan, players: Players, state: Any, *, counts: bool) -> Solution:
    """Take exactly ``num_steps`` steps: a scan over blocks of ``every`` steps, each a scan."""

    def advance(carry: Any, _: None) -> Any:
        players, state, clock = carry
        game = plan.bound(clock)
        players, state = move(game, plan.solver, players, state, descent(game, players))
        return (players, state, jax.tree.map(lambda t: t + 1, clock)), None

    def block(carry: Any, _: None) -> Any:
        carry, _ = jax.lax.scan(advance, carry, length=plan.every)
        players, state, _ = carry
        return carry, plan.record(players, state)

    # Without sampling nothing asks for the time, and counting it would cost a tiny game a tenth of its step.
    carry = (players, state, plan.start if counts else None)
    if plan.record is None:
        (players, state, _), trace = jax.lax.scan(advance, carry, length=plan.num_steps)
    else:
        (players, state, _), trace = jax.lax.scan(block, carry, length=plan.num_steps // plan.every)
    status = jnp.where(all_finite(players), Status.BUDGET, Status.DIVERGED).astype(jnp.int32)
    return Solution(players, state, trace, plan.start + plan.num_steps, status)


def counted(plan: Plan, players: Players, state: Any, begin: jax.Array, end: jax.Array) -> Solution:
    """Take the steps from ``begin`` to ``end``, which only the running program knows; rows count from the start."""

    def advance(t: jax.Array, carry: Any) -> Any:
        players, state = carry
        game = plan.bound(t)
        return move(game, plan.solver, players, state, descent(game, players))

    def block(row: jax.Array, carry: Any) -> Any:
        players, state, trace = carry
        first = plan.start + row * plan.every
        reached = jnp.minimum(first + plan.every, end)
        players, state = jax.lax.fori_loop(jnp.maximum(first, begin), reached, advance, (players, state))
        whole = reached == first + plan.every
        return players, state, _written(trace, row, plan.record(players, state), whole)

    if plan.record is None:
        players, state = jax.lax.fori_loop(begin, end, advance, (players, state))
        trace = None
    else:
        rows = -((plan.start - end) // plan.every)
        carry = (players, state, no_rows(plan, players, state))
        players, state, trace = jax.lax.fori_loop(0, rows, block, carry)
    status = jnp.where(all_finite(players), Status.BUDGET, Status.DIVERGED).astype(jnp.int32)
    return Solution(players, state, trace, end, status)


class _Progress(NamedTuple):
    """Carry of a run that may stop: the game bound for the coming step and ``u`` there are taken along."""

    players: Players
    state: Any
    steps: jax.Array
    game: Game
    u: Players
    status: jax.Array


def stopping(
    plan: Plan, players: Players, state: Any, tol: Any, max_norm: Any, begin: Any = None, end: Any = None
) -> Solution:
    """Take the steps from ``begin`` to ``end``, by default all, looking before each one whether to stop."""
    end_of_run = plan.start + plan.num_steps if end is None else end

    def look(players: Players, state: Any, steps: jax.Array) -> _Progress:
        game = plan.bound(steps)
        u = descent(game, players)
        norm = optax.tree.norm(u)
        size = optax.tree.norm(players)
        diverged = ~(jnp.isfinite(norm) & jnp.isfinite(size))
        if max_norm is not None:
            diverged |= size > max_norm
        status = jnp.where(False if tol is None else norm <= tol, Status.CONVERGED, Status.BUDGET)
        status = jnp.where(diverged, Status.DIVERGED, status).astype(jnp.int32)
        return _Progress(players, state, steps, game, u, status)

    def advance(progress: _Progress) -> _Progress:
        players, state = move(progress.game, plan.solver, progress.players, progress.state, progress.u)
        return look(players, state, progress.steps + 1)

    def until(end: jax.Array) -> Callable[[_Progress], jax.Array]:
        return lambda progress: (progress.steps < end) & (progress.status == Status.BUDGET)

    def block(carry: Any) -> Any:
        progress, trace, row = carry
        end = plan.start + (row + 1) * plan.every
        progress = jax.lax.while_loop(until(jnp.minimum(end, end_of_run)), advance, progress)
        new = plan.record(progress.players, progress.state)
        return progress, _written(trace, row, new, progress.steps == end), row + 1

    progress = look(players, state, plan.start if begin is None else begin)
    if plan.record is None:
        progress, trace = jax.lax.while_loop(until(end_of_run), advance, progress), None
    else:
        carry = (progress, no_rows(plan, players, state), jnp.zeros((), jnp.int32))
        progress, trace, _ = jax.lax.while_loop(lambda carry: until(end_of_run)(carry[0]), block, carry)
    result = Solution(progress.players, progress.state, trace, progress.steps, progress.status)
    return forward_only(result)


def descent(game: Game, players: Players) -> Players:
    """Return ``u = -v``, which solvers take."""
    return jax.tree.map(jnp.negative, game.gradients(players))


def move(game: Game, solver: Any, players: Any, state: Any, u: Players) -> tuple[Players, Any]:
    """Return the players and the state after one step from ``u``."""
    moves, state = solver.update(u, state, players, game=game, grad=u)
    players = optax.apply_updates(players, moves)
    return players, state


def all_finite(tree: Any) -> jax.Array:
    """Whether every number of a pytree is finite."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def no_rows(plan: Plan, players: Players, state: Any) -> Any:
    """Return the trace of a run that has recorded nothing yet."""
    shapes = jax.eval_shape(plan.record, players, state)
    return jax.tree.map(lambda leaf: missing((plan.num_steps // plan.every, *leaf.shape), leaf.dtype), shapes)


def missing(shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """Return rows that were not recorded: NaN, the least integer or False."""
    if jnp.issubdtype(dtype, jnp.inexact):
        return jnp.full(shape, jnp.nan, dtype)
    return jnp.full(shape, jnp.iinfo(dtype).min if jnp.issubdtype(dtype, jnp.integer) else False, dtype)


def _written(trace: Any, row: jax.Array, new: Any, whole: jax.Array) -> Any:
    """Return the trace with a new row, if the run has got to the end of that row."""
    return jax.tree.map(
        lambda rows, entry: rows.at[jnp.where(whole, row, len(rows))].set(entry, mode="drop"), trace, new
    )
