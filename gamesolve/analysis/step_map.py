"""A solver's step as a map of one vector: the players and the floating state together."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve import linear
from gamesolve.driver import step
from gamesolve.game import Game, Players


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
