"""What a payoff returns beside its value: metrics, and the model state that travels beside the players.

Model state is what networks keep and do not optimise: running statistics, counters, random keys. It is never
differentiated and never decayed. A step evaluates each payoff once at its own players, in their order, and each payoff
sees what the ones before it have left. All other evaluations of the step see the same: look-aheads, second movers and
products with J. What the last payoff leaves is the model state of the next step.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.checks import scalar_of
from gamesolve.trees import Players, PyTree, Scalar


class Aux(NamedTuple):
    """What a payoff may return beside its value: ``return value, gs.Aux(metrics, model_state)``.

    Attributes:
        metrics: pytree of arrays for ``record``, loggers and custom loops. Default: none.
        model_state: the model state that this evaluation leaves, shaped as the one it got. Default: the same.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> def payoff(x, y, *, model_state):
        ...     seen = 0.9 * model_state + 0.1 * jnp.abs(x)
        ...     return x * y, gs.Aux(model_state=seen)
        >>> game = gs.zero_sum(payoff, model_state=jnp.zeros(()))
        >>> solution = gs.solve(game, gs.simgd(0.1), (1.0, 1.0), 1)
        >>> round(float(solution.model_state), 3)
        0.1
    """

    metrics: PyTree = None
    model_state: PyTree = None


class ModelStates(NamedTuple):
    """The model states of one step.

    Attributes:
        seen: what the payoff of each player sees in all evaluations of the step.
        after: what the step leaves.
    """

    seen: tuple[PyTree, ...]
    after: PyTree


def evaluated(
    payoff: Callable[..., Scalar],
    player: int,
    args: tuple[Players, tuple[PyTree, ...], tuple[PyTree, ...]],
    model_state: PyTree,
) -> tuple[Scalar, Aux]:
    """Call a payoff and return its value, checked, and what it returned beside it.

    Args:
        payoff: the function that the user wrote.
        player: index of its owner, for error messages.
        args: players, constants and data.
        model_state: the model state that it sees; None if the game has none.
    """
    aux, (players, constants, data) = Aux(), args
    function = payoff if model_state is None else functools.partial(payoff, model_state=model_state)

    @functools.wraps(payoff, updated=())
    def alone(*args: PyTree) -> Scalar:
        nonlocal aux
        value, beside = parted(function(*args))
        aux = beside if isinstance(beside, Aux) else Aux(beside)
        return value

    if model_state is not None:
        vars(alone)["__signature__"] = _without_model_state(payoff, player)
    value = scalar_of(alone, player, (*players, *constants, *data), len(constants), len(data))
    if aux.metrics is not None and jax.tree_util.all_leaves([aux.metrics]):
        # It may be the loss of another player, which would be lost.
        raise TypeError(
            f"the payoff of player {player} must return one scalar, or that and a dict of metrics, got a pair of "
            "values. Write one payoff per player, or return value, {'name': metric}."
        )
    if aux.model_state is None:
        return value, aux._replace(model_state=model_state)
    return value, aux._replace(model_state=_next(aux.model_state, model_state, player))


def _without_model_state(payoff: Callable[..., Scalar], player: int) -> inspect.Signature:
    """Return the signature of a payoff without the model state, or raise if it does not take one."""
    signature = inspect.signature(payoff)
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    if "model_state" not in signature.parameters and inspect.Parameter.VAR_KEYWORD not in kinds:
        raise TypeError(
            f"the payoff of player {player} must take model_state=, because its game has one, got {signature}. Add the "
            "parameter, or leave out model_state= when you make the game."
        )
    others = [parameter for name, parameter in signature.parameters.items() if name != "model_state"]
    return signature.replace(parameters=others)


def parted(result: PyTree) -> tuple[Scalar, PyTree]:
    """Return a payoff's value and what it returned beside it, or None."""
    return result if isinstance(result, tuple) and len(result) == 2 else (result, None)


def plus(result: PyTree, term: Scalar) -> PyTree:
    """Add a term to the value that a payoff returned, and keep what it returned beside the value."""
    value, beside = parted(result)
    return value + term if beside is None else (value + term, beside)


@dataclasses.dataclass(frozen=True)
class Frozen:
    """A payoff that takes its model state as the first constant after the players, and leaves it unchanged."""

    function: Callable[..., Scalar]
    num_players: int

    def __call__(self, *args: PyTree) -> Scalar:
        """Return the value alone."""
        players, model_state, rest = args[: self.num_players], args[self.num_players], args[self.num_players + 1 :]
        value, _ = parted(self.function(*players, *rest, model_state=model_state))
        return value


def _next(new: PyTree, old: PyTree, player: int) -> PyTree:
    """Return a new model state in the types of the old one."""
    if old is None:
        raise ValueError(
            f"the payoff of player {player} must not return a model state, since the game has none. Pass the first one "
            "to the game, as in zero_sum(payoff, model_state=...)."
        )
    shapes, before = (list(map(jnp.shape, jax.tree.leaves(tree))) for tree in (new, old))
    if jax.tree.structure(new) != jax.tree.structure(old) or shapes != before:
        raise ValueError(
            f"the payoff of player {player} must return a model state like the one it got, arrays of shapes {before}, "
            f"got {shapes}. Return it with the same structure and shapes."
        )
    return jax.tree.map(_typed, new, old)


def _typed(leaf: PyTree, like: jax.Array) -> PyTree:
    return leaf if jnp.issubdtype(like.dtype, jax.dtypes.extended) else jnp.asarray(leaf, like.dtype)
