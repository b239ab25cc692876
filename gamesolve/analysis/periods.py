"""The period of a solver: the number of steps after which its step has the same form again."""

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.flat_step import FlatStep, flat_step
from gamesolve.game import Game
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, State

# Counts are followed for this many steps, without the arithmetic of the players; a period must fit in twice.
WATCHED = 2048


def period_of(game: Game, solver: Solver, players: Players, state: State) -> tuple[int, tuple[bool, ...]]:
    """Return the period of a solver's state, found from its counts alone.

    A count, flag or index that returns to its value takes part in the period. One that only grows is held fixed.

    Args:
        game: the game, bound to its data. Here and below, traced arrays are replaced by ones.
        solver: the solver.
        players: tuple of parameter pytrees, one per player.
        state: the solver's state.

    Returns:
        The period in steps, and for each entry of `FlatStep.rest` whether it is held fixed.

    Raises:
        ValueError: if the counts neither grow nor return within 1024 steps.
    """
    if not any(map(_is_count, jax.tree.leaves(state))):
        return 1, ()
    with jax.ensure_compile_time_eval():
        series = _watch(*jax.tree.map(_concrete, (game, solver, players, state)))
    runs = [None if entry is None else np.asarray(entry) for entry in series]
    returning = [run for run in runs if run is not None and not _grows(run)]
    held = tuple(run is None or _grows(run) for run in runs)
    for steps in range(1, WATCHED // 2 + 1):
        if all(np.array_equal(run[steps:], run[:-steps]) for run in returning):
            return steps, held
    raise ValueError(
        f"the counts in the state of {solver!r} neither grow nor return within {WATCHED // 2} steps, so that its step "
        "has no fixed linear map; run the solver and measure."
    )


def whole_period(flat: FlatStep, period: int, held: tuple[bool, ...], point: jax.Array) -> jax.Array:
    """Take the steps of one period from a point."""
    if period == 1:
        return flat.advance(point, flat.rest)[0]

    def advance(carry: tuple[jax.Array, list[PyTree]], _: None) -> tuple[tuple[jax.Array, list[PyTree]], None]:
        point, rest = carry
        point, following = flat.advance(point, rest)
        chosen = [old if fixed else new for old, new, fixed in zip(rest, following, held, strict=True)]
        return (point, chosen), None

    return jax.lax.scan(advance, (point, flat.rest), length=period)[0][0]


def _is_count(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == bool


def _grows(run: np.ndarray) -> bool:
    return bool(np.all(run[1:] >= run[:-1]) and np.any(run[-1] > run[0]))


def _concrete(leaf: PyTree) -> PyTree:
    return jnp.ones(leaf.shape, leaf.dtype) if isinstance(leaf, jax.core.Tracer) else leaf


@jax.jit
def _watch(game: Game, solver: Solver, players: Players, state: State) -> list[jax.Array | None]:
    """Return the values of every count of the state along a run."""
    flat = flat_step(game, solver, players, state)

    def counts(rest: list[PyTree]) -> list[jax.Array | None]:
        return [leaf if isinstance(leaf, jax.Array) and _is_count(leaf) else None for leaf in rest]

    def advance(rest: list[PyTree], _: None) -> tuple[list[PyTree], list[jax.Array | None]]:
        following = flat.advance(flat.point, rest)[1]
        return following, counts(following)

    return jax.lax.scan(advance, flat.rest, length=WATCHED)[1]
