"""Driving a solver: one pure step, and a compiled run of many."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import as_pytree, check_limit, explained, whole_number
from gamesolve.driving.loops import Plan, Solution, Status, binder, descent, fixed, move, no_rows, stopping
from gamesolve.game import Game, Players, as_players
from gamesolve.sampling.samplers import Sampler
from gamesolve.solver import Solver, as_solver

__all__ = [
    "Solution",
    "Status",
    "as_pytree",
    "check_game",
    "check_limit",
    "check_state",
    "solve",
    "step",
    "whole_number",
]


def step(
    game: Game, solver: optax.GradientTransformation, players: Players, state: Any = None, *data: Any
) -> tuple[Players, Any]:
    """Take one pure step: for loops of your own; compile the loop's body with ``jax.jit``.

    Args:
        game: the game.
        solver: a solver or any optax transformation.
        players: tuple of parameter pytrees, one per player.
        state: the solver's state; None for a fresh one.
        *data: what to bind to the game for this step, usually one minibatch.

    Returns:
        The players after the step and the solver's new state.

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
    state = solver.init(players) if state is None else state
    return move(bound, solver, players, state, descent(bound, players))


def solve(
    game: Game,
    solver: optax.GradientTransformation,
    players: Players,
    num_steps: int,
    *,
    state: Any = None,
    start: int = 0,
    sample: Sampler | None = None,
    key: jax.Array | None = None,
    record: Callable[[Players, Any], Any] | None = None,
    every: int = 1,
    tol: float | None = None,
    max_norm: float | None = None,
) -> Solution:
    """Run a solver for ``num_steps`` steps in one compiled call; ``jit``, ``vmap`` and ``grad`` go through it.

    It compiles once per payoff functions, kind of solver, ``record``, ``sample`` and shapes: other step sizes, data
    or starting points run the same program.

    Args:
        game: the game.
        solver: a solver or any optax transformation.
        players: tuple of parameter pytrees, one per player, floating arrays of one precision.
        num_steps: number of steps.
        state: the solver's state to go on from; None for a fresh one.
        start: number of steps taken before; step t draws its data from ``jax.random.fold_in(key, t)``.
        sample: ``sample(key) -> batch``, what each step binds to the game, see `gamesolve.sampling`.
        key: typed random key, needed with ``sample``.
        record: ``record(players, state) -> pytree``, evaluated after every ``every`` steps and stacked.
        every: number of steps between records; it must divide ``num_steps``.
        tol: stop as soon as the Euclidean norm of the field is at most this, or something is not finite.
        max_norm: stop as soon as the Euclidean norm of the players exceeds this.

    Returns:
        The `Solution`. After an early stop the remaining rows of its trace are NaN (the least integer where
        integer, False where boolean). Without ``tol`` and ``max_norm`` no norm is computed in the loop.

    Raises:
        TypeError: if players, payoffs, solver, sample or key are of the wrong kind.
        ValueError: if a count or shape is wrong, or reverse-mode ``grad`` meets ``tol`` or ``max_norm``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, gs.extragradient(0.5), (1.0, 1.0), 1000, tol=1e-5)
        >>> solution.status == gs.Status.CONVERGED, int(solution.steps)
        (Array(True, dtype=bool), 115)
    """
    check_game(game)
    num_steps, every = whole_number("num_steps", num_steps, 0), whole_number("every", every, 1)
    if num_steps % every:
        raise ValueError(f"every is {every}, which does not divide num_steps = {num_steps}; choose a divisor.")
    check_limit("tol", tol)
    check_limit("max_norm", max_norm)
    start = start if isinstance(start, jax.Array) else whole_number("start", start, 0)
    if sample is not None and key is None:
        raise ValueError("sample= draws with a random key; pass key=jax.random.key(0).")
    sample, record = as_pytree("sample", sample), as_pytree("record", record)
    try:
        with explained("a payoff, sampler or record"):
            return _solve(
                game,
                as_solver(solver),
                players,
                state,
                start,
                key,
                sample,
                record,
                tol,
                max_norm,
                num_steps=num_steps,
                every=every,
            )
    except TypeError:
        as_players(players, game.num_players)  # where a player is at fault, this sentence is the clearer one
        raise


@partial(jax.jit, static_argnames=("num_steps", "every"))
def _solve(
    game: Game,
    solver: Solver,
    players: Players,
    state: Any,
    start: jax.Array,
    key: jax.Array | None,
    sample: Any,
    record: Any,
    tol: Any,
    max_norm: Any,
    *,
    num_steps: int,
    every: int,
) -> Solution:
    players = as_players(players, game.num_players)
    if state is None:
        state = solver.init(players)
    else:
        check_state(solver, state, players)
    plan = Plan(binder(game, sample, key), solver, jnp.asarray(start, jnp.int32), num_steps, record, every)
    if num_steps == 0:
        trace = None if record is None else no_rows(plan, players, state)
        return stopping(plan._replace(record=None), players, state, tol, max_norm)._replace(trace=trace)
    if tol is None and max_norm is None:
        return fixed(plan, players, state, counts=sample is not None)
    return stopping(plan, players, state, tol, max_norm)


def check_game(game: Any) -> None:
    """Raise unless this is a game."""
    if not isinstance(game, Game):
        raise TypeError(f"game must be a Game, got {type(game).__name__}; make one with gamesolve.zero_sum.")


def check_state(solver: Solver, state: Any, players: Players) -> None:
    """Raise if a state is not what the solver keeps for these players; it looks at shapes alone."""
    shapes = lambda tree: jax.tree.map(jnp.shape, tree)
    expected = jax.eval_shape(solver.init, players)
    if jax.tree.structure(state) != jax.tree.structure(expected) or shapes(state) != shapes(expected):
        raise ValueError(
            f"state is not one that {solver.factory.__name__} keeps for these players; give the state of a run of the "
            "same solver on players of the same shapes, or None for a fresh one."
        )
