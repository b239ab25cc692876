"""What a payoff returns beside its value: metrics, and the model state that travels beside the players.

Model state is what networks keep and do not optimise: running statistics, counters, random keys. It is never
differentiated and never decayed. A step evaluates each payoff once at its own players, in their order, and each payoff
sees what the ones before it have left. All other evaluations of the step see the same: look-aheads, second movers and
products with J. What the last payoff leaves is the model state of the next step.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gamesolve.checks import scalar_of
from gamesolve.trees import PyTree, Scalar


class Aux(NamedTuple):
    """What a payoff may return beside its value: ``return value, gs.Aux(metrics, model_state)``.

    Attributes:
        metrics: pytree of arrays for `record`, loggers and own loops. Default: none.
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
    payoff: Callable[..., Scalar], player: int, args: tuple[PyTree, ...], model_state: PyTree
) -> tuple[Scalar, Aux]:
    """Call a payoff and return its value, checked, and what it returned beside it.

    Args:
        payoff: the function that the user wrote.
        player: index of its owner, for error messages.
        args: players, constants and data.
        model_state: the model state that it sees; None if the game has none.
    """
    beside = []

    @functools.wraps(payoff, updated=())
    def alone(*args: PyTree) -> Scalar:
        result = payoff(*args) if model_state is None else payoff(*args, model_state=model_state)
        if isinstance(result, tuple) and len(result) == 2:
            result, aux = result
            beside.append(aux if isinstance(aux, Aux) else Aux(aux))
        return result

    value = scalar_of(alone, player, args)
    aux = beside[0] if beside else Aux()
    if aux.model_state is None:
        return value, aux._replace(model_state=model_state)
    return value, aux._replace(model_state=_next(aux.model_state, model_state, player))


def as_arrays(model_state: PyTree) -> PyTree:
    """Return a first model state as arrays whose types no step changes."""
    return jax.tree.map(
        lambda leaf: leaf if _is_strong(leaf) else jnp.asarray(leaf, jnp.result_type(leaf)), model_state
    )


def _is_strong(leaf: PyTree) -> bool:
    return isinstance(leaf, jax.Array) and not leaf.weak_type


def _next(new: PyTree, old: PyTree, player: int) -> PyTree:
    """Return a new model state in the types of the old one."""
    if old is None:
        raise ValueError(
            f"the payoff of player {player} must not return a model state, since the game has none. Pass the first one "
            "to the game, as in zero_sum(payoff, model_state=...)."
        )
    shapes, before = (jax.tree.map(jnp.shape, tree) for tree in (new, old))
    if jax.tree.structure(new) != jax.tree.structure(old) or shapes != before:
        raise ValueError(
            f"the payoff of player {player} must return a model state like the one it got, {before}, got {shapes}. "
            "Return it with the same structure and shapes."
        )
    return jax.tree.map(_typed, new, old)


def _typed(leaf: PyTree, like: jax.Array) -> PyTree:
    return leaf if jax.dtypes.issubdtype(like.dtype, jax.dtypes.extended) else jnp.asarray(leaf, like.dtype)
