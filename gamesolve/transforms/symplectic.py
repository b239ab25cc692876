"""Adjustments by the antisymmetric part of the Jacobian."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import optax

from gamesolve import estimators, products, rates
from gamesolve.game import Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import inner, memoryless, minus, negative, plus


@parametric
def symplectic(
    lam: rates.Rates = 1.0,
    align: bool = False,
    eps: float = 0.1,
    groups: int | str | None = None,
    population: int | None = None,
    metric: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I + lambda A) u`` with A the antisymmetric part of J: one jvp and one vjp.

    With ``align`` lambda takes the sign of ``<u, J^T u> <A u, J^T u> / d + eps``, d the number of parameters: the
    paper's rule, which turns towards stable and away from unstable equilibria. With a metric P:
    ``P (I + lambda A P) u``.

    Args:
        lam: lambda: a number, a schedule, an array, or a tuple with one of those per player.
        align: whether to choose the sign.
        eps: the rule's preference for the positive sign.
        groups: how a minibatch is used, see `consensus`: None for ``A_b v_b`` of one batch, which is biased. The sign
            that ``align`` chooses is that of products of estimates.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`; None for the identity.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.symplectic(1.0), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.5]

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    estimators.check(groups, population)

    def formula(game: Any, players: Any, u: Any, scale: Any, weight: Any) -> Any:
        if groups is None:
            forward, backward = _both(game, players)(scale(u))
        else:
            estimate = estimators.self_product(_both, game, players, groups, population, scale)
            u, (forward, backward) = estimators.replaced(u, game, estimate), negative(estimate.product)
        adjustment = optax.tree.scale(0.5, minus(forward, backward))
        if align:
            # The rule in the coordinates that make P the identity.
            product = inner(scale(u), backward) * inner(scale(adjustment), backward)
            sign = jnp.where(product / optax.tree.size(u) + eps >= 0, 1, -1)
            adjustment = rates.times(sign, adjustment)
        return plus(u, rates.times(weight, adjustment, "lam"))

    return memoryless("symplectic", lam, formula, metric, "lam")


@parametric
def uncurl() -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(J - J^T) u``: cross the curl of the field at right angles.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.uncurl(), optax.sgd(0.25))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.0]

    Reference:
        Gemp, Mahadevan, "Global Convergence to the Equilibrium of GANs using Variational Inequalities", 2018,
        https://arxiv.org/abs/1808.01531
    """

    def formula(game: Any, players: Any, u: Any, *_: Any) -> Any:
        return minus(*_both(game, players)(u))

    return memoryless("uncurl", 0.0, formula)


def _both(game: Any, players: Players) -> Callable[[Players], tuple[Players, Players]]:
    """Return ``t -> (J t, J^T t)``."""
    grouped = isinstance(game, estimators.Grouped)
    push = game.pushed(players) if grouped else products.forward(game, players)
    pull = products.transposed(game, players)
    return lambda vector: (push(vector), pull(vector))
