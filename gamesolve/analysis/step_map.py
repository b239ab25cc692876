"""A solver's step as a map of one vector, the players and the floating state together, and how often it changes form.

The rule, for every count, flag or index in a state: one that returns runs along, and the time until all of those have
returned is the period; one that only ever grows (the time that a schedule reads, Adam's count) is held where it is;
so are random keys and the reports of inner solves.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve import linear
from gamesolve.driving.solve import step
from gamesolve.game import Game, Players
from gamesolve.solver import Solver


class StepMap(NamedTuple):
    """One step of a solver as a map.

    Attributes:
        point: players and floating state as one vector; a complex number of the state counts as two.
        rest: everything else in the state: counts, keys, reports of inner solves, numbers that no step changes.
        advance: ``advance(point, rest) -> (point, rest)``, one step.
        players: ``players(point)``, the players in a vector.
    """

    point: jax.Array
    rest: list[Any]
    advance: Callable[[jax.Array, list[Any]], tuple[jax.Array, list[Any]]]
    players: Callable[[jax.Array], Players]


def step_map(game: Game, solver: optax.GradientTransformation, players: Players, state: Any) -> StepMap:
    """Return the step map of a solver and where it stands at these players and this state."""
    leaves, treedef = jax.tree.flatten(state, is_leaf=_is_report)
    moving = list(map(_is_floating, leaves))
    if any(moving):
        # A step hands numbers that are none of its own, such as injected hyperparameters, on as they are.
        following = treedef.flatten_up_to(step(game, solver, players, state)[1])
        moving = [_is_floating(leaf) and leaf is not new for leaf, new in zip(leaves, following, strict=True)]

    def pack(players: Players, leaves: list[Any]) -> tuple[Any, list[Any]]:
        floating = [leaf for leaf, moves in zip(leaves, moving, strict=True) if moves]
        rest = [leaf for leaf, moves in zip(leaves, moving, strict=True) if not moves]
        return (players, [(leaf.real, leaf.imag) if jnp.iscomplexobj(leaf) else leaf for leaf in floating]), rest

    packed, rest = pack(players, leaves)
    point, unravel = jax.flatten_util.ravel_pytree(packed)

    def advance(flat: jax.Array, rest: list[Any]) -> tuple[jax.Array, list[Any]]:
        players, floating = unravel(flat)
        entries = iter([jax.lax.complex(*entry) if isinstance(entry, tuple) else entry for entry in floating])
        others = iter(rest)
        filled = [next(entries) if moves else next(others) for moves in moving]
        players, state = step(game, solver, players, jax.tree.unflatten(treedef, filled))
        packed, rest = pack(players, treedef.flatten_up_to(state))
        return jax.flatten_util.ravel_pytree(packed)[0], rest

    return StepMap(point, rest, advance, lambda flat: unravel(flat)[0])


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_report(node: Any) -> bool:
    return isinstance(node, linear.Report)


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
