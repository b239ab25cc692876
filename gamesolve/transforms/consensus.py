"""Regularisers that descend the norm of the field: consensus, its cross terms alone, its gradient alone."""

from typing import Any

import optax

from gamesolve import estimators, products, rates
from gamesolve.game import Game, Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import memoryless, negative, plus


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
