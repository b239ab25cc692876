"""How often a solver's step changes its form: the cycle of the counts in its state.

The rule, for every count, flag or index in a state: one that returns runs along, and the time until all of those have
returned is the period; one that only ever grows (the time that a schedule reads, Adam's count) is held where it is;
so are random keys and the reports of inner solves.
"""

from typing import Any, NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.step_map import step_map
from gamesolve.game import Game, Players
from gamesolve.parametric import Solver

# Counts are watched for this many steps, without the arithmetic of the players; a cycle must fit in twice.
WATCHED = 2048


class Period(NamedTuple):
    """After how many steps a solver's step has the same form again, and which entries of its state are held fixed."""

    steps: int
    held: tuple[bool, ...]


def period_of(game: Game, solver: Solver, players: Players, state: Any) -> Period:
    """Return the period of a solver's state, from its counts alone; traced arguments are replaced by ones.

    Args:
        game: the game, bound to its data.
        solver: the solver.
        players: tuple of parameter pytrees, one per player.
        state: the solver's state.

    Raises:
        ValueError: if the counts neither grow nor return within 1024 steps.
    """
    if not any(map(_is_count, jax.tree.leaves(state))):
        return Period(1, ())
    with jax.ensure_compile_time_eval():
        series = _watch(*jax.tree.map(_concrete, (game, solver, players, state)))
    runs = [None if entry is None else np.asarray(entry) for entry in series]
    returning = [run for run in runs if run is not None and not _grows(run)]
    held = tuple(run is None or _grows(run) for run in runs)
    for steps in range(1, WATCHED // 2 + 1):
        if all(np.array_equal(run[steps:], run[:-steps]) for run in returning):
            return Period(steps, held)
    raise ValueError(
        f"the counts in the state of {solver!r} neither grow nor return within {WATCHED // 2} steps, so that its step "
        "has no fixed linear map; run the solver and measure."
    )


def _is_count(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == bool


def _grows(run: np.ndarray) -> bool:
    return bool(np.all(run[1:] >= run[:-1]) and np.any(run[-1] > run[0]))


def _concrete(leaf: Any) -> Any:
    return jnp.ones(leaf.shape, leaf.dtype) if isinstance(leaf, jax.core.Tracer) else leaf


@jax.jit
def _watch(game: Game, solver: Solver, players: Players, state: Any) -> list[Any]:
    stepping = step_map(game, solver, players, state)

    def counts(rest: list[Any]) -> list[Any]:
        return [leaf if isinstance(leaf, jax.Array) and _is_count(leaf) else None for leaf in rest]

    def advance(rest: list[Any], _: None) -> Any:
        following = stepping.advance(stepping.point, rest)[1]
        return following, counts(following)

    return jax.lax.scan(advance, stepping.rest, length=WATCHED)[1]
