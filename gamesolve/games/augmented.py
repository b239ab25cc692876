"""Augmented Lagrangians, and the rule that raises their penalty."""

import dataclasses
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve.checks import check_limit, check_number, check_one
from gamesolve.game import Game, signed, zero_sum
from gamesolve.game.model_state import plus
from gamesolve.games.constrained import Constraint, Problem, check_multipliers, stated
from gamesolve.trees import Players, PyTree, Scalar


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
    check_one("penalty", penalty, above=0)
    problem = stated("augmented_lagrangian", objective, equality, inequality)
    return zero_sum(_AugmentedLagrangian(problem), constants=(jnp.asarray(penalty, float), *constants))


def grow_penalty(
    game: Game,
    before: Players,
    after: Players,
    growth: Scalar = 10.0,
    decrease: Scalar = 0.25,
    tolerance: Scalar | None = None,
) -> Game:
    """Raise the penalty of an augmented Lagrangian unless the violation has become small enough.

    The violation is the largest entry of ``|h|`` and ``|max(g, -m / c)|``. The penalty is multiplied by ``growth``
    unless the violation at ``after`` is at most ``decrease`` times that at ``before``, or at most ``tolerance``: near a
    solution it is rounding, which no penalty decreases.

    Args:
        game: game made by `augmented_lagrangian`, bound to its data.
        before: players before the last round of steps.
        after: players after it.
        growth: factor of the penalty. Default: 10.
        decrease: sufficient ratio of the violations. Default: 0.25.
        tolerance: violation that is small enough. Default: the square root of the machine epsilon of the multipliers,
            3.5e-4 in float32 and 1.5e-8 in float64.

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
    check_limit("tolerance", tolerance)

    def violation(players: Players) -> jax.Array:
        return optax.tree.norm(game.field(players)[-1], ord=jnp.inf)

    penalty, *constants = game.constants
    reached = violation(after)
    enough = float(jnp.finfo(reached.dtype).eps) ** 0.5 if tolerance is None else tolerance
    grown = jnp.where((reached <= decrease * violation(before)) | (reached <= enough), penalty, growth * penalty)
    return dataclasses.replace(game, constants=(grown, *constants))


@dataclasses.dataclass(frozen=True)
class _AugmentedLagrangian:
    problem: Problem

    def __call__(self, x: PyTree, variables: PyTree, penalty: jax.Array, *arguments: PyTree) -> PyTree:
        value = self.problem.value(x, *arguments)
        for kind, weights, values in self.problem.terms(x, variables, *arguments):
            check_multipliers(kind, weights, values)
            term = _equality_term if kind == "equality" else _inequality_term
            value = plus(value, optax.tree.sum(jax.tree.map(partial(term, penalty), weights, values)))
        return value


def _equality_term(penalty: jax.Array, weights: jax.Array, values: jax.Array) -> jax.Array:
    return jnp.sum(weights * values + _like(values, penalty) / 2 * values**2)


def _inequality_term(penalty: jax.Array, weights: jax.Array, values: jax.Array) -> jax.Array:
    c = _like(values, penalty)
    return jnp.sum(jnp.maximum(weights + c * values, 0) ** 2 - weights**2) / (2 * c)


def _like(values: jax.Array, penalty: jax.Array) -> jax.Array:
    """Return the penalty in the dtype of the constraints, so that players keep their precision."""
    return penalty.astype(jnp.result_type(values))
