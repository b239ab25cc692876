"""What a payoff returns beside its value: metrics, and the model state that travels beside the players.

Model state is what networks keep and do not optimise: running statistics, counters, random keys. It is never
differentiated and never decayed. A step evaluates each payoff once at its own players, in their order, and each payoff
sees what the ones before it have left. All other evaluations of the step see the same: look-aheads, second movers and
products with J. What the last payoff leaves is the model state of the next step.
"""

import dataclasses
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
    aux = Aux()

    @functools.wraps(payoff, updated=())
    def alone(*args: PyTree) -> Scalar:
        nonlocal aux
        result = payoff(*args) if model_state is None else payoff(*args, model_state=model_state)
        value, beside = parted(result)
        aux = beside if isinstance(beside, Aux) else Aux(beside)
        return value

    value = scalar_of(alone, player, args)
    if aux.model_state is None:
        return value, aux._replace(model_state=model_state)
    return value, aux._replace(model_state=_next(aux.model_state, model_state, player))


def parted(result: PyTree) -> tuple[Scalar, PyTree]:
    """Return a payoff's value and what it returned beside it, or None."""
    return result if isinstance(result, tuple) and len(result) == 2 else (result, None)


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


def as_arrays(model_state: PyTree) -> PyTree:
    """Return a first model state as arrays whose types no step changes."""
    return jax.tree.map(
        lambda leaf: leaf if _is_strong(leaf) else jnp.asarray(leaf, jnp.result_type(leaf)), model_state
    )


def _is_strong(leaf: PyTree) -> bool:
    return isinstance(leaf, jax.Array) and not getattr(leaf, "weak_type", False)


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
    return leaf if jax.dtypes.issubdtype(like.dtype, jax.dtypes.extended) else jnp.asarray(leaf, like.dtype)
