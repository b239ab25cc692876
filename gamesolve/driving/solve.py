"""One pure step of a solver, and a compiled run of many steps."""

import functools
from typing import Any, Literal, overload

import jax
import jax.core
import optax

from gamesolve.checks import whole_number
from gamesolve.checks.calls import explained
from gamesolve.driving import reuse, rows, stale
from gamesolve.driving.loops import enter, fixed, move, stopping
from gamesolve.driving.plan import (
    Computed,
    Plan,
    Record,
    Solution,
    Status,
    check_divides,
    check_game,
    check_state,
    checked,
    first_state,
)
from gamesolve.driving.sound import sound_leaves
from gamesolve.game import Game, as_players
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import as_solver
from gamesolve.trees import Batch, Key, Players, Scalar, State

__all__ = ["Solution", "Status", "solve", "step"]


@overload
def step(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    state: State | None = None,
    *data: Batch,
    aux: Literal[False] = False,
) -> tuple[Players, State]: ...


@overload
def step(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    state: State | None = None,
    *data: Batch,
    aux: Literal[True],
) -> tuple[Players, State, Computed]: ...


def step(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    state: State | None = None,
    *data: Batch,
    aux: bool = False,
) -> Any:
    """Take one pure step, for custom loops; compile the body of the loop with ``jax.jit``.

    Close over the game and the solver, as in ``jax.jit(functools.partial(gs.step, game, solver))``: a call then costs
    what a hand-written step does. As arguments of ``jax.jit(gs.step)`` they may change, for a microsecond or two.

    Args:
        game: the game.
        solver: a solver or any optax transformation. As an argument of a compiled function, a plain optax
            transformation must be wrapped: `as_solver`.
        players: tuple of parameter pytrees, one per player.
        state: the solver's state. Default: a fresh one.
        *data: data of this step, bound to the game; usually one minibatch.
        aux: whether to return what the step has computed as well. Default: False.

    Returns:
        The players and the solver's state after the step; with ``aux`` also a `Computed`, with the payoffs and metrics
        at the players that the step started from. If the game has a model state, the state is a `StepState`.

    Example:
        >>> import gamesolve as gs
        >>> game, solver = gs.zero_sum(lambda x, y: x * y), gs.simgd(0.5)
        >>> players, state = gs.step(game, solver, (1.0, 1.0))
        >>> [float(player) for player in players]
        [0.5, 1.5]
    """
    check_game(game)
    solver = as_solver(solver)
    players = as_players(players, game.num_players)
    bound = game.bind(*data) if data else game
    state = first_state(game, solver, players) if state is None else state
    entered = enter(bound, players, state, aux)
    players, state = move(entered, solver, players, state)
    return (players, state, entered.computed) if aux else (players, state)


def solve(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    *,
    state: State | None = None,
    start: Scalar = 0,
    sample: Sampler | None = None,
    key: Key | None = None,
    record: Record | None = None,
    every: int = 1,
    tol: Scalar | None = None,
    max_norm: Scalar | None = None,
) -> Solution:
    """Run a solver for ``num_steps`` steps in one compiled call; ``jit``, ``vmap`` and ``grad`` go through it.

    It compiles once per combination of payoff functions, kind of solver, ``record``, ``sample``, ``num_steps`` and
    shapes. Other step sizes, data or starting points run the same program, and so do new functions of the same code if
    they read only numbers, strings and JAX arrays. The number of steps is static because reverse-mode ``grad`` needs
    it; `run` takes any number of steps in chunks of one program.

    Args:
        game: the game.
        solver: a solver or any optax transformation.
        players: tuple of parameter pytrees, one per player, floating arrays. Their dtypes may differ,
            and each leaf keeps its own.
        num_steps: number of steps.
        state: the solver's state to continue from. Default: a fresh one.
        start: number of steps already taken; step t draws its data from ``jax.random.fold_in(key, t)``.
        sample: ``sample(key) -> batch``, whose result each step binds to the game; see `gamesolve.sampling`.
        key: typed random key, required with ``sample``.
        record: ``record(players, state) -> pytree``, evaluated after every ``every`` steps and stacked.
        every: number of steps between records; it must divide ``num_steps``.
        tol: stop as soon as the Euclidean norm of the field is at most this, or a number is not finite. For players in
            sets (``projections=``, ``potentials=``, `transforms.project`) the norm is that of ``z - P(z + v)``, where P
            projects onto the sets. Sets of other optax transformations are not known.
        max_norm: stop as soon as the Euclidean norm of the players exceeds this.

    Returns:
        The `Solution`. After an early stop the remaining rows of its trace are NaN (the smallest integer in integer
        arrays, False in boolean ones). Without ``tol`` and ``max_norm`` the loop computes no norm.

    Raises:
        TypeError: if players, payoffs, solver, sample or key have the wrong type.
        ValueError: if a count or shape is wrong, or with reverse-mode ``grad`` under ``tol`` or ``max_norm``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.extragradient(0.5), (1.0, 1.0), 1000, tol=1e-5)
        >>> solution.status == gs.Status.CONVERGED, int(solution.steps)
        (Array(True, dtype=bool), 115)
    """
    plan = checked(
        game,
        solver,
        length=whole_number("num_steps", num_steps, 0),
        every=every,
        start=start,
        sample=sample,
        key=key,
        record=record,
        tol=tol,
        max_norm=max_norm,
    )
    check_divides(plan.every, num_steps=plan.length)
    plan = reuse.shared(plan)
    try:
        with explained("a payoff, sampler or record"):
            # JAX's search for NaN reports what compiled programs return, so the gap of a trace is then written outside.
            outside = plan.may_stop and record is not None and bool(jax.config.jax_debug_nans)  # pyright: ignore
            solution = _solve(plan, players, state, with_gap=not outside)
            solution = _with_gap(plan, solution) if outside else solution
    except TypeError:
        as_players(players, game.num_players)  # a clearer error if a player is at fault
        raise
    stale.check(stale.functions_of(plan), (plan, players))
    return solution


@functools.partial(jax.jit, static_argnames="with_gap")
def _solve(plan: Plan, players: Players, state: State | None, with_gap: bool) -> Solution:
    program = (plan, players)
    players = as_players(players, plan.game.num_players)
    if state is None:
        state = first_state(plan.game, plan.solver, players)
    else:
        check_state(plan.game, plan.solver, state, players)
    if plan.may_stop or plan.length == 0:
        reached = stopping(plan, players, state, sound_leaves(state), 0, plan.length)
    else:
        reached = fixed(plan, players, state)
    stale.remember(stale.functions_of(plan), program)
    trace = rows.filled(reached.rows, reached.steps // plan.every) if plan.may_stop and with_gap else reached.rows
    return Solution(reached.players, reached.state, trace, plan.clock(reached.steps), reached.status)


def _with_gap(plan: Plan, solution: Solution) -> Solution:
    """Return a solution with the gap of its trace written on the host, or by the transformation that traces it."""
    recorded = (solution.steps - plan.start) // plan.every
    if isinstance(recorded, jax.core.Tracer):
        return solution._replace(trace=rows.filled(solution.trace, recorded))
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), solution.trace)
    trace = rows.from_host(rows.to_host(solution.trace, int(recorded)), plan.length // plan.every, shapes)
    return solution._replace(trace=trace)
