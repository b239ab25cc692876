"""One step of a solver as a function of one vector: the players and the floating state together."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve import linear
from gamesolve.checks.calls import called
from gamesolve.driving.solve import step
from gamesolve.driving.unoptimised import jit_either
from gamesolve.game import Game
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, Scalar, State

# Steps taken at the point itself, so that momenta and averages take the values that they have there.
SETTLING_STEPS = 10


class FlatStep(NamedTuple):
    """One step of a solver as a function of one vector.

    Attributes:
        point: the players and the floating state as one vector; a complex number of the state counts as two.
        rest: all other entries of the state: counts, keys, reports of inner solves and numbers that no step changes.
        advance: ``advance(point, rest) -> (point, rest)``, one step.
        players: ``players(point)``, the players at a point.
    """

    point: jax.Array
    rest: list[PyTree]
    advance: Callable[[jax.Array, list[PyTree]], tuple[jax.Array, list[PyTree]]]
    players: Callable[[jax.Array], Players]


def flat_step(game: Game, solver: Solver, players: Players, state: State) -> FlatStep:
    """Return the step of a solver as a function of one vector, at these players and this state."""
    leaves, treedef = jax.tree.flatten(state, is_leaf=_is_report)
    moving = list(map(_is_floating, leaves))
    if any(moving):
        # A step passes on numbers that it does not own, such as injected hyperparameters, as the same objects.
        following = treedef.flatten_up_to(step(game, solver, players, state)[1])
        moving = [_is_floating(leaf) and leaf is not new for leaf, new in zip(leaves, following, strict=True)]

    def pack(players: Players, leaves: list[PyTree]) -> tuple[PyTree, list[PyTree]]:
        floating = [leaf for leaf, moves in zip(leaves, moving, strict=True) if moves]
        rest = [leaf for leaf, moves in zip(leaves, moving, strict=True) if not moves]
        return (players, [(leaf.real, leaf.imag) if jnp.iscomplexobj(leaf) else leaf for leaf in floating]), rest

    packed, rest = pack(players, leaves)
    point, unravel = jax.flatten_util.ravel_pytree(packed)

    def advance(flat: jax.Array, rest: list[PyTree]) -> tuple[jax.Array, list[PyTree]]:
        players, floating = unravel(flat)
        entries = iter([jax.lax.complex(*entry) if isinstance(entry, tuple) else entry for entry in floating])
        others = iter(rest)
        filled = [next(entries) if moves else next(others) for moves in moving]
        players, state = step(game, solver, players, jax.tree.unflatten(treedef, filled))
        packed, rest = pack(players, treedef.flatten_up_to(state))
        return jax.flatten_util.ravel_pytree(packed)[0], rest

    return FlatStep(point, rest, advance, lambda flat: unravel(flat)[0])


def settled_state(game: Game, solver: Solver, players: Players, steps: int = SETTLING_STEPS) -> State:
    """Return the solver's state after some steps at the point itself; one without arrays is unchanged."""
    fresh = jax.eval_shape(solver.init, players)
    return _settled(game, solver, players, steps) if jax.tree.leaves(fresh) else fresh


def state_of(solver: Solver, players: Players, state: State) -> State:
    """Return a solver's state as arrays in the dtypes that it has for these players."""
    cast = lambda leaf, like: jnp.asarray(leaf, like.dtype) if jnp.issubdtype(like.dtype, jnp.inexact) else leaf
    arrays = jax.tree.map(jnp.asarray, state)
    return jax.tree.map(cast, arrays, jax.eval_shape(solver.init, players))


@jit_either
def _settled(game: Game, solver: Solver, players: Players, steps: Scalar) -> State:
    again = lambda _, state: step(game, solver, players, state)[1]
    return jax.lax.fori_loop(0, steps, again, solver.init(players))


def _is_floating(leaf: PyTree) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.inexact)


def _is_report(node: PyTree) -> bool:
    return isinstance(node, linear.Report)


def made(make_solver: Callable[..., optax.GradientTransformation], *values: Scalar) -> optax.GradientTransformation:
    """Return the solver that a user's function makes from hyperparameters."""
    takes = "the step size" if len(values) == 1 else f"the step size and {len(values) - 1} more values"
    return called("make_solver", make_solver, *values, takes=takes, hint="Pass a function such as gs.simgd.")
