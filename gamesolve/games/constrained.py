"""Constrained problems as games: one player minimises, the other sets the multipliers and maximises.

The multipliers are a dict by kind of constraint. Those of ``"equality"`` may have any sign, and all others must not be
negative; `multiplier_projection` keeps them so.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import whole_number
from gamesolve.checks.calls import called
from gamesolve.checks.rows import check_rows
from gamesolve.game import Game, zero_sum
from gamesolve.game.model_state import plus
from gamesolve.trees import PyTree, Scalar

Constraint = Callable[..., PyTree]
# The multipliers and the values of one kind of constraint.
Terms = Iterator[tuple[str, PyTree, PyTree]]


def lagrangian(
    objective: Callable[..., Scalar],
    equality: Constraint | None = None,
    inequality: Constraint | None = None,
    constants: tuple[PyTree, ...] = (),
    index: Callable[..., jax.Array] | None = None,
) -> Game:
    """Make the zero-sum game of a constrained problem: player 0 minimises, player 1 sets the multipliers.

    Player 1 is a dict with the keys ``"equality"`` and ``"inequality"``, as far as the problem has such constraints.
    Each entry has the structure and the shapes of its constraint's value: an array, or a list, dict or other pytree of
    arrays. `multipliers` returns a start for player 1, and `multiplier_projection` keeps inequality multipliers
    non-negative.

    Args:
        objective: ``objective(x, *constants, *data) -> scalar``, which is minimised.
        equality: ``equality(x, *constants, *data)``, a pytree of arrays that must be zero.
        inequality: ``inequality(x, *constants, *data)``, a pytree of arrays that must be at most zero.
        constants: arrays of the problem, passed to all functions.
        index: for one constraint per example: ``index(*constants, *data)``, the numbers of the examples in a batch, a
            vector of integers from 0. If one is out of range in a compiled program, the payoffs are NaN.
            Constraints then return one value per example of the batch along a leading axis, and multipliers have one
            row per example of the data set. The game averages over the batch, so the gradient of a multiplier is its
            violation divided by the batch size. Default: the same constraints in every batch.

    Returns:
        The game.

    Raises:
        ValueError: if there is no constraint. Evaluations raise it if numbers of examples are known to be out of range.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game = gs.games.lagrangian(lambda x: jnp.sum(x**2), equality=lambda x: jnp.sum(x) - 1)
        >>> start = (jnp.zeros(2), gs.games.multipliers(jnp.zeros(2), equality=lambda x: jnp.sum(x) - 1))
        >>> solution = gs.solve(game, gs.extragradient(0.2), start, 500)
        >>> [round(float(entry), 4) for entry in solution.players[0]]
        [0.5, 0.5]

    Reference:
        Arrow, Hurwicz, Uzawa, "Studies in Linear and Non-Linear Programming", 1958.
    """
    problem = stated("lagrangian", objective, equality, inequality)
    return zero_sum(_Lagrangian(problem) if index is None else _Indexed(problem, index), constants=constants)


def multipliers(
    point: PyTree,
    equality: Constraint | None = None,
    inequality: Constraint | None = None,
    constants: tuple[PyTree, ...] = (),
    examples: int | None = None,
) -> dict[str, PyTree]:
    """Return zero multipliers for the constraints of a `lagrangian`.

    Args:
        point: any x of the right shape.
        equality: as in `lagrangian`.
        inequality: as in `lagrangian`.
        constants: as in `lagrangian`, followed by one draw of the data if the constraints take data.
        examples: number of examples in the data set, if the `lagrangian` has an ``index``: one row per example.
            Default: one multiplier per value of the constraints.

    Returns:
        Player 1 at zero.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> gs.games.multipliers(jnp.zeros(3), inequality=lambda x: x[:2] - 1)
        {'inequality': Array([0., 0.], dtype=float32)}
    """
    rows = None if examples is None else whole_number("examples", examples, 1)
    shapes = {
        kind: jax.eval_shape(partial(_part, kind, constraint), point, *constants)
        for kind, constraint in _by_kind(equality, inequality).items()
    }
    return jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape if rows is None else (rows, *leaf.shape[1:]), leaf.dtype), shapes
    )


def multiplier_projection(variables: dict[str, PyTree]) -> dict[str, PyTree]:
    """Project a player of multipliers: clip all of them at zero, except those of equality constraints.

    Example:
        >>> import gamesolve as gs
        >>> gs.games.multiplier_projection({"equality": -1.0, "inequality": -1.0})["equality"]
        -1.0
    """
    if not isinstance(variables, dict):
        raise TypeError(f"multiplier_projection must be given the dict of multipliers, got {type(variables).__name__}.")
    return {
        kind: value if kind == "equality" else optax.projections.projection_non_negative(value)
        for kind, value in variables.items()
    }


@dataclasses.dataclass(frozen=True)
class Problem:
    """An objective and its constraints; equal if its functions are equal, so that nothing is compiled twice."""

    objective: Callable[..., Scalar]
    equality: Constraint | None
    inequality: Constraint | None

    def value(self, x: PyTree, *arguments: PyTree) -> PyTree:
        """Return the objective, and what it returns beside its value."""
        return _part("objective", self.objective, x, *arguments)

    def terms(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> Terms:
        """Return the kind, the multipliers and the values of the constraints."""
        constraints = _by_kind(self.equality, self.inequality)
        check_kinds(variables, constraints.keys(), 1)
        for kind, constraint in constraints.items():
            yield kind, variables[kind], _part(kind, constraint, x, *arguments)


def stated(
    name: str, objective: Callable[..., Scalar], equality: Constraint | None, inequality: Constraint | None
) -> Problem:
    """Return the problem of the constructor ``name``, or raise if it has no constraint."""
    if equality is None and inequality is None:
        raise ValueError(f"{name} needs a constraint, got none. Pass equality=, inequality= or both.")
    return Problem(objective, equality, inequality)


@dataclasses.dataclass(frozen=True)
class _Lagrangian:
    problem: Problem

    def __call__(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> PyTree:
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            check_multipliers(kind, weights, values)
            value = plus(value, optax.tree.vdot(weights, values))
        return value


@dataclasses.dataclass(frozen=True)
class _Indexed:
    problem: Problem
    index: Callable[..., jax.Array]

    def __call__(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> PyTree:
        takes, hint = "the constants and the data", "Write index=lambda batch: ..."
        rows = called("index", self.index, *arguments, takes=takes, hint=hint)
        check_rows(rows)
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            seen = jax.tree.map(partial(_rows_of, rows=rows), weights)
            check_multipliers(kind, seen, values)
            value = plus(value, optax.tree.vdot(seen, values) / len(rows))
        return value


def _rows_of(leaf: jax.Array, rows: jax.Array) -> jax.Array:
    """Return the rows of a leaf, NaN for those that it does not have: JAX would take the nearest ones."""
    if not jnp.ndim(leaf):  # which the check of the multipliers' shapes explains
        return leaf
    check_rows(rows, len(leaf))
    return leaf.at[rows].get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False)


def _part(name: str, function: Constraint, x: PyTree, *arguments: PyTree) -> PyTree:
    """Call the objective or a constraint of a problem."""
    takes = "x" if not arguments else f"x and {len(arguments)} more, the constants and the data"
    hint = f"Write {name}=lambda x, *arguments: ..."
    return called(name, function, x, *arguments, takes=takes, hint=hint)


def check_kinds(variables: PyTree, kinds: Collection[str], player: int) -> None:
    """Raise unless a player is a dict with multipliers for these kinds of constraints."""
    if not isinstance(variables, dict) or set(variables) != set(kinds):
        found = sorted(variables) if isinstance(variables, dict) else type(variables).__name__
        raise ValueError(
            f"player {player} must be a dict of multipliers with the keys {sorted(kinds)}, got {found}. "
            "Make it with gamesolve.games.multipliers."
        )


def check_multipliers(kind: str, weights: PyTree, values: PyTree) -> None:
    """Raise unless there is one multiplier per constraint: products of other shapes would broadcast."""
    shapes = [jax.tree.map(jnp.shape, tree) for tree in (weights, values)]
    if jax.tree.structure(weights) != jax.tree.structure(values) or shapes[0] != shapes[1]:
        raise ValueError(
            f"the multipliers of {kind} constraints must have the shapes of the constraints, {shapes[1]}, got "
            f"{shapes[0]}. Make them with gamesolve.games.multipliers."
        )


def _by_kind(equality: Constraint | None, inequality: Constraint | None) -> dict[str, Constraint]:
    """Return the constraints that a problem has, by their kind."""
    constraints = {"equality": equality, "inequality": inequality}
    return {kind: constraint for kind, constraint in constraints.items() if constraint is not None}
