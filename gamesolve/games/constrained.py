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

from gamesolve.checks import check_number, whole_number
from gamesolve.checks.calls import called
from gamesolve.game import Game, signed, zero_sum
from gamesolve.trees import Players, PyTree, Scalar

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
        index: for one constraint per example: ``index(*constants, *data)``, the numbers of the examples in a batch.
            Constraints then return one value per example of the batch along a leading axis, and multipliers have one
            row per example of the data set. The game averages over the batch, so the gradient of a multiplier is its
            violation divided by the batch size. Default: the same constraints in every batch.

    Returns:
        The game.

    Raises:
        ValueError: if there is no constraint.

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
    problem = _problem("lagrangian", objective, equality, inequality)
    return zero_sum(_Lagrangian(problem) if index is None else _Indexed(problem, index), constants=constants)


def augmented_lagrangian(
    objective: Callable[..., Scalar],
    equality: Constraint | None = None,
    inequality: Constraint | None = None,
    constants: tuple[PyTree, ...] = (),
    *,
    penalty: Scalar,
) -> Game:
    """Make the zero-sum game of the augmented Lagrangian, whose saddle points are those of `lagrangian`.

    With penalty coefficient c, objective f, equality constraints h and inequality constraints g it is
    ``f + <l, h> + c/2 |h|^2 + (|max(m + c g, 0)|^2 - |m|^2) / (2 c)``. A gradient step of size c on the multipliers is
    the method of multipliers, ``l + c h`` and ``max(m + c g, 0)``. Steps of at most c keep m non-negative without a
    projection.

    Args:
        objective: as in `lagrangian`.
        equality: as in `lagrangian`.
        inequality: as in `lagrangian`.
        constants: as in `lagrangian`.
        penalty: coefficient c, a positive number. It is the first constant of the game, so that another value does not
            compile again; `grow_penalty` raises it.

    Returns:
        The game.

    Raises:
        ValueError: if there is no constraint, or the penalty is not positive.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.augmented_lagrangian(lambda x: x**2 / 2, inequality=lambda x: 1 - x, penalty=10.0)
        >>> players = (0.0, {"inequality": 0.0})
        >>> for _ in range(10):
        ...     players = gs.solve(game, gs.simgd((0.05, 0.0)), players, 100).players  # x minimises
        ...     players, _ = gs.step(game, gs.simgd((0.0, 10.0)), players)  # one step of the multipliers
        >>> round(float(players[0]), 4), round(float(players[1]["inequality"]), 4)
        (1.0, 1.0)

    Reference:
        Rockafellar, "A dual approach to solving nonlinear programming problems by unconstrained optimization",
        Mathematical Programming 1973
    """
    check_number("penalty", penalty, above=0)
    if jnp.shape(penalty) != ():
        raise ValueError(f"penalty must be one number, got an array of shape {jnp.shape(penalty)}.")
    problem = _problem("augmented_lagrangian", objective, equality, inequality)
    return zero_sum(_AugmentedLagrangian(problem), constants=(jnp.asarray(penalty, float), *constants))


def grow_penalty(game: Game, before: Players, after: Players, growth: Scalar = 10.0, decrease: Scalar = 0.25) -> Game:
    """Raise the penalty of an augmented Lagrangian unless the violation has become small enough.

    The violation is the largest entry of ``|h|`` and ``|max(g, -m / c)|``. The penalty is multiplied by ``growth``
    unless the violation at ``after`` is at most ``decrease`` times that at ``before``.

    Args:
        game: game made by `augmented_lagrangian`, bound to its data.
        before: players before the last round of steps.
        after: players after it.
        growth: factor of the penalty. Default: 10.
        decrease: sufficient ratio of the violations. Default: 0.25.

    Returns:
        The game with its new penalty, ``game.constants[0]``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.augmented_lagrangian(lambda x: x**2, equality=lambda x: x - 1, penalty=1.0)
        >>> game = gs.games.grow_penalty(game, (0.0, {"equality": 0.0}), (0.5, {"equality": 0.0}))
        >>> float(game.constants[0])  # the violation has only halved
        10.0

    Reference:
        Andreani, Birgin, Martinez, Schuverdt, "On augmented Lagrangian methods with general lower-level constraints",
        SIAM J. Optim. 2007
    """
    if not isinstance(signed(game.payoffs[-1])[1], _AugmentedLagrangian):
        raise ValueError("game must be made by augmented_lagrangian, got another one. Only that one has a penalty.")
    check_number("growth", growth, least=1)
    check_number("decrease", decrease, above=0, most=1)

    def violation(players: Players) -> jax.Array:
        return optax.tree.norm(game.field(players)[-1], ord=jnp.inf)

    penalty, *constants = game.constants
    grown = jnp.where(violation(after) <= decrease * violation(before), penalty, growth * penalty)
    return dataclasses.replace(game, constants=(grown, *constants))


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
    """Project a player of multipliers: clip all of them at zero, except those of equality constraints."""
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

    def value(self, x: PyTree, *arguments: PyTree) -> Scalar:
        """Return the objective."""
        return _part("objective", self.objective, x, *arguments)

    def terms(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> Terms:
        """Return the kind, the multipliers and the values of the constraints."""
        constraints = _by_kind(self.equality, self.inequality)
        check_kinds(variables, constraints.keys(), 1)
        for kind, constraint in constraints.items():
            yield kind, variables[kind], _part(kind, constraint, x, *arguments)


def _problem(
    name: str, objective: Callable[..., Scalar], equality: Constraint | None, inequality: Constraint | None
) -> Problem:
    if equality is None and inequality is None:
        raise ValueError(f"{name} needs a constraint, got none. Pass equality=, inequality= or both.")
    return Problem(objective, equality, inequality)


@dataclasses.dataclass(frozen=True)
class _Lagrangian:
    problem: Problem

    def __call__(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> Scalar:
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            check_multipliers(kind, weights, values)
            value = value + optax.tree.vdot(weights, values)
        return value


@dataclasses.dataclass(frozen=True)
class _Indexed:
    problem: Problem
    index: Callable[..., jax.Array]

    def __call__(self, x: PyTree, variables: PyTree, *arguments: PyTree) -> Scalar:
        takes, hint = "the constants and the data", "Write index=lambda batch: ..."
        rows = called("index", self.index, *arguments, takes=takes, hint=hint)
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            seen = jax.tree.map(lambda leaf: leaf[rows], weights)
            check_multipliers(kind, seen, values)
            value = value + optax.tree.vdot(seen, values) / len(rows)
        return value


@dataclasses.dataclass(frozen=True)
class _AugmentedLagrangian:
    problem: Problem

    def __call__(self, x: PyTree, variables: PyTree, penalty: jax.Array, *arguments: PyTree) -> Scalar:
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            check_multipliers(kind, weights, values)
            term = _equality_term if kind == "equality" else _inequality_term
            value = value + optax.tree.sum(jax.tree.map(partial(term, penalty), weights, values))
        return value


def _equality_term(penalty: jax.Array, weights: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.sum(weights * values + _like(values, penalty) / 2 * values**2)


def _inequality_term(penalty: jax.Array, weights: jax.Array, values: jax.Array) -> jax.Array:
    c = _like(values, penalty)
    return jnp.sum(jnp.maximum(weights + c * values, 0) ** 2 - weights**2) / (2 * c)


def _like(values: jax.Array, penalty: jax.Array) -> jax.Array:
    """Return the penalty in the dtype of the constraints, so that players keep their precision."""
    return penalty.astype(jnp.result_type(values))


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
