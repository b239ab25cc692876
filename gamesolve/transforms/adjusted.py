"""Parts that adjust the field by products with its Jacobian: consensus, symplectic adjustment, least action."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import estimators, products
from gamesolve.game import Game, Players
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import inner, memoryless, minus, negative, plus, remembering


@parametric
def consensus(
    gamma: rates.Rates, groups: int | str | None = None, population: int | None = None, metric: Any = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I - gamma J^T) u``, with one vjp of the field.

    For ``u = -v`` this adds ``gamma`` times the gradient of ``||v||^2 / 2`` to what is descended. It makes centres
    of the field attract, but for large ``gamma`` also some unstable points. With a metric P: ``P (I - gamma J^T P) u``.
    On minibatches the plain form moves the equilibrium; ``groups=2`` does not, at about the same cost.

    Args:
        gamma: weight of the regulariser: a number, a schedule, an array, or a tuple with one of those per player.
        groups: how a minibatch is used: None for the plain form, which is biased; G >= 2 for the unbiased form over
            that many groups of the batch, ``"all"`` over all pairs of examples, ``"draws"`` over independent draws;
            see `gamesolve.estimators.self_product`. The regulariser is then that of the field, whatever u is.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`; None for the identity.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.consensus(10.0), optax.rmsprop(1e-4))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> gs.solve(game, solver, (1.0, 1.0), 10).status == gs.Status.BUDGET
        Array(True, dtype=bool)

    Reference:
        Mescheder, Nowozin, Geiger, "The Numerics of GANs", NeurIPS 2017, https://arxiv.org/abs/1705.10461
    """
    estimators.check(groups, population)

    def formula(game: Any, players: Any, u: Any, scale: Any, weight: Any) -> Any:
        u, push = _pushed(products.transposed, game, players, u, groups, population, scale)
        return plus(u, rates.times(weight, push, "gamma"))

    return memoryless("consensus", gamma, formula, metric, "gamma")


@parametric
def cross_consensus(
    gamma: rates.Rates, groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I - gamma J_o^T) u``: consensus between the players, without their own curvatures.

    Player j descends the others' squared gradients only. A tuple ``gamma`` with one entry positive is the gradient
    norm penalty that one player pays for another's, as in ODE-GANs.

    Args:
        gamma: weight: a number, a schedule, an array, or a tuple with one of those per player who pays.
        groups: how a minibatch is used, see `consensus`.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.cross_consensus(1.0), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.5]

    Reference:
        Nie, Patel, "Towards a Better Understanding and Regularization of GAN Training Dynamics", UAI 2019,
        https://arxiv.org/abs/1806.09235
    """
    estimators.check(groups, population)

    def formula(game: Any, players: Any, u: Any, scale: Any, weight: Any) -> Any:
        u, push = _pushed(products.off_diagonal_transposed, game, players, u, groups, population, scale)
        return plus(u, rates.times(weight, push, "gamma"))

    return memoryless("cross_consensus", gamma, formula, coefficient="gamma")


@parametric
def hamiltonian(
    groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-J^T u``: the gradient of ``||v||^2 / 2``.

    Its descent settles at every zero of the field, also where no player is content.

    Args:
        groups: how a minibatch is used, see `consensus`; with two groups or draws it is the unbiased stochastic form.
        population: number of examples that batches are drawn from without replacement, with ``groups`` only.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.hamiltonian(), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.0]

    Reference:
        Abernethy, Lai, Wibisono, "Last-iterate convergence rates for min-max optimization", 2019,
        https://arxiv.org/abs/1906.02027; for the stochastic form Loizou et al., "Stochastic Hamiltonian Gradient
        Methods for Smooth Games", ICML 2020, https://arxiv.org/abs/2007.04202
    """
    estimators.check(groups, population)

    def formula(game: Any, players: Any, u: Any, scale: Any, _: Any) -> Any:
        _, push = _pushed(products.transposed, game, players, u, groups, population, scale)
        return push

    return memoryless("hamiltonian", 0.0, formula)


def _pushed(
    product: Any, game: Game, players: Players, u: Any, groups: Any, population: Any, metric: Any
) -> tuple[Players, Players]:
    """Return u, and ``product(metric(v))``: of what u holds in the plain form, else estimated."""
    if groups is None:
        # Pushed by v instead of pulled by u: the signs cancel inside the product, where XLA finds them.
        return u, product(game, players)(negative(metric(u)))
    estimate = estimators.self_product(product, game, players, groups, population, metric)
    return estimators.replaced(u, game, estimate), estimate.product


@parametric
def accelerate_by_change(learning_rate: rates.Rates, alpha: Any, beta: Any) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move ``beta d + E v + alpha J_o d`` with ``d = z - z_prev``: least action dynamics.

    Args:
        learning_rate: step size E: a number, a schedule, an array, or a tuple with one of those per player.
        alpha: weight of the others' change, a number, an array, or a tuple with one of those per player.
        beta: momentum, likewise, of any sign.

    Returns:
        The transformation; it scales by the step size itself and needs ``game=``. ``z_prev`` is the start at first.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.accelerate_by_change(0.5, alpha=0.5, beta=0.0)
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 2).players]
        [0.5, 1.0]

    Reference:
        Hemmat et al., "LEAD: Min-Max Optimization from a Physical Perspective", TMLR 2023,
        https://arxiv.org/abs/2010.13846
    """
    rates.check_signed("alpha", alpha)
    rates.check_signed("beta", beta)

    def formula(game: Game, players: Players, u: Any, _: Any, eta: Any, previous: Players) -> tuple[Any, Any]:
        change = minus(players, previous)
        turn = rates.times(alpha, products.off_diagonal(game, players)(change), "alpha")
        descent = rates.times(eta, u)
        move = jax.tree.map(lambda b, t, s: b + t - s, rates.times(beta, change, "beta"), turn, descent)
        return move, players

    start = partial(jax.tree.map, jnp.asarray)
    return remembering("accelerate_by_change", learning_rate, start, formula, coefficient="learning_rate")


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
