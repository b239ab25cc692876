"""Parts that adjust the field by products with its Jacobian: consensus, symplectic adjustment, least action."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve import estimators, products
from gamesolve.checks import check_number
from gamesolve.game import Game
from gamesolve.linear import krylov
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, PyTree, Scalar, dot, magnitude, normalised

# Linear in u, apart from estimates that add a term of the field's own.
_linear = partial(part, accepts=Origin.DIRECTION, returns=Origin.DIRECTION)


@parametric
def consensus(
    gamma: rates.Rates,
    groups: int | str | None = None,
    population: int | None = None,
    metric: optax.GradientTransformation | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I - gamma J^T) u``, with one vjp of the field.

    For ``u = -v`` this adds ``gamma`` times the gradient of ``||v||^2 / 2`` to the direction of descent. It makes
    centres of the field attracting, but for large ``gamma`` also some unstable points. With a metric P:
    ``P (I - gamma J^T P) u``. On minibatches the plain form moves the equilibrium; ``groups=2`` does not, at about the
    same cost.

    Args:
        gamma: weight of the regulariser, see `transforms.rates`.
        groups: how to use a minibatch. None: the plain form, which is biased. G >= 2: the unbiased form over G groups
            of the batch. ``"all"``: over all pairs of examples. ``"draws"``: over independent draws. See
            `gamesolve.estimators.self_product`. Except for None, the regulariser is that of the field, whatever u is.
        population: number of examples that batches are drawn from without replacement; only with ``groups``.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`. Default: the identity.

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

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        u, push = _pushed(products.transposed, step, groups, population, step.rates)
        return step.metric(optax.tree.add(u, push)), memory

    return _linear("consensus", formula, gamma, coefficient="gamma", metric=metric)


@parametric
def jare(
    gamma: rates.Rates, groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I - gamma J_o^T) u``: consensus between the players, without their own curvatures.

    Each player descends the squared gradients of the others only. A tuple ``gamma`` with one positive entry is the
    gradient norm penalty that one player pays for another's gradient, as in ODE-GANs.

    Args:
        gamma: weight, see `transforms.rates`; a tuple has one entry for each player who pays.
        groups: how to use a minibatch, see `consensus`.
        population: number of examples that batches are drawn from without replacement; only with ``groups``.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.jare(1.0), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Nie, Patel, "Towards a Better Understanding and Regularization of GAN Training Dynamics", UAI 2019,
        https://arxiv.org/abs/1806.09235
    """
    estimators.check(groups, population)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        u, push = _pushed(products.off_diagonal_transposed, step, groups, population, step.rates)
        return optax.tree.add(u, push), memory

    return _linear("jare", formula, gamma, coefficient="gamma")


@parametric
def hamiltonian(
    groups: int | str | None = None, population: int | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-J^T u``: the gradient of ``||v||^2 / 2``.

    Its descent converges to any zero of the field, Nash equilibrium or not.

    Args:
        groups: how to use a minibatch, see `consensus`; two groups or draws give the unbiased stochastic form.
        population: number of examples that batches are drawn from without replacement; only with ``groups``.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.hamiltonian(), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Abernethy, Lai, Wibisono, "Last-iterate convergence rates for min-max optimization", 2019,
        https://arxiv.org/abs/1906.02027; for the stochastic form Loizou et al., "Stochastic Hamiltonian Gradient
        Methods for Smooth Games", ICML 2020, https://arxiv.org/abs/2007.04202
    """
    estimators.check(groups, population)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        _, push = _pushed(products.transposed, step, groups, population)
        return push, memory

    # The estimates are those of the field, without u.
    accepted = Origin.DIRECTION if groups is None else Origin.GRADIENT
    return part("hamiltonian", formula, accepts=accepted, returns=Origin.DIRECTION)


def _pushed(
    product: Callable[[Game, Players], products.Product],
    step: Step,
    groups: int | str | None,
    population: int | None,
    gamma: rates.Values = 1.0,
) -> tuple[Players, Players]:
    """Return u, and ``gamma product(P v)``: with ``v = -u`` in the plain form, else estimated from the field."""
    if groups is None:
        # Minus u goes in instead of minus the product coming out: the signs cancel inside, where XLA finds them.
        against = jax.tree.map(jnp.negative, step.metric(step.u))
        return step.u, _weighted(product(step.game, step.players), gamma, against)
    estimate = estimators.self_product(product, step.game, step.players, groups, population, step.metric)
    return estimators.replaced(step.u, step.grad, estimate), rates.times(gamma, estimate.product, "gamma")


def _weighted(product: products.Product, gamma: rates.Values, vector: Players) -> Players:
    """Return ``gamma product(vector)``; the product alone is of second order in the field and might underflow."""
    if not isinstance(gamma, tuple) and jnp.ndim(gamma) == 0:
        return product(rates.times(gamma, vector))
    size = magnitude(vector)
    return krylov.times(size, rates.times(gamma, product(krylov.times(1 / size, vector)), "gamma"))


@parametric
def lead(learning_rate: rates.Rates, alpha: rates.Values, beta: rates.Values) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move ``beta d + E v + alpha J_o d`` with ``d = z - z_prev``: least action dynamics.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: weight of the change of the other players: a number, an array, or a tuple with one of these per player.
        beta: momentum, likewise, of any sign.

    Returns:
        The transformation; it needs ``game=`` and all players. It returns moves, already scaled by the step
        size. In the first step ``z_prev`` is the start.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.transforms.lead(0.5, alpha=0.5, beta=0.0)
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 2)
        >>> [float(player) for player in solution.players]
        [0.5, 1.0]

    Reference:
        Hemmat et al., "LEAD: Min-Max Optimization from a Physical Perspective", TMLR 2023,
        https://arxiv.org/abs/2010.13846
    """
    rates.check_signed("alpha", alpha)
    rates.check_signed("beta", beta)

    def formula(step: Step, previous: Players) -> tuple[Players, Players]:
        rates.check_shapes("alpha", alpha)
        rates.check_shapes("beta", beta)
        change = optax.tree.sub(step.players, previous)
        turn = rates.times(alpha, products.off_diagonal(step.game, step.players)(change), "alpha")
        descent = rates.times(step.rates, step.u)
        move = jax.tree.map(lambda b, t, s: b + t - s, rates.times(beta, change, "beta"), turn, descent)
        return move, step.players

    memory = partial(jax.tree.map, jnp.asarray)
    return part("lead", formula, learning_rate, coefficient="learning_rate", memory=memory)


@parametric
def symplectic(
    lam: rates.Rates = 1.0,
    align: bool = False,
    eps: float = 0.1,
    groups: int | str | None = None,
    population: int | None = None,
    metric: optax.GradientTransformation | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I + lambda A) u`` with A the antisymmetric part of J: one jvp and one vjp.

    With ``align``, lambda takes the sign of ``<u, J^T u> <A u, J^T u> / d + eps``, where d is the number of parameters:
    the rule of the paper, which turns towards stable and away from unstable equilibria. With a metric P:
    ``P (I + lambda A P) u``.

    Args:
        lam: lambda of any sign, see `transforms.rates`.
        align: whether to choose the sign of lambda.
        eps: preference of that rule for the positive sign.
        groups: how to use a minibatch, see `consensus`. None gives ``A_b v_b`` on one batch, which is biased. ``align``
            chooses its sign from products of estimates.
        population: number of examples that batches are drawn from without replacement; only with ``groups``.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`. Default: the identity.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.symplectic(1.0), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Balduzzi et al., "The Mechanics of n-Player Differentiable Games", ICML 2018, https://arxiv.org/abs/1802.05642
    """
    check_number("eps", eps)
    estimators.check(groups, population)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        u, size = step.u, jnp.ones(())
        if groups is None:
            # Products with a small field, which are of second order in it, might underflow.
            size = magnitude(u)
            forward, backward = _both(step.game, step.players)(krylov.times(1 / size, step.metric(u)))
        else:
            estimate = estimators.self_product(_both, step.game, step.players, groups, population, step.metric)
            u = estimators.replaced(u, step.grad, estimate)
            forward, backward = jax.tree.map(jnp.negative, estimate.product)
        adjustment = optax.tree.scale(0.5, optax.tree.sub(forward, backward))
        if align:
            # The rule in the coordinates in which P is the identity.
            sign = _sign(step.metric(u), backward, step.metric(adjustment), eps, size)
            adjustment = rates.times(sign, adjustment)
        weighted = krylov.times(size, rates.times(step.rates, adjustment, "lam"))
        return step.metric(optax.tree.add(u, weighted)), memory

    return _linear("symplectic", formula, lam, coefficient="lam", signed=True, metric=metric)


def _sign(u: Players, backward: Players, adjustment: Players, eps: Scalar, size: jax.Array) -> jax.Array:
    """Return the sign of ``<u, J^T u> <A u, J^T u> / d + eps``, given ``J^T u`` and ``A u`` divided by ``size``.

    The inner products are those of trees scaled to entries near one, and eps is divided by the scales one by one: the
    product itself is of high order in the field and would soon underflow or overflow.
    """
    pairs = map(normalised, (u, backward, adjustment))
    scales, (first, middle, last) = zip(*pairs, strict=True)
    bound = jnp.asarray(eps * optax.tree.size(u), scales[0].dtype)
    for scale in (*scales, scales[1], size, size, size):
        bound = bound / scale
    return jnp.where(dot(first, middle) * dot(last, middle) + bound >= 0, 1, -1)


@parametric
def crossing_the_curl() -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(J - J^T) u``: cross the curl of the field at right angles.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.crossing_the_curl(), optax.sgd(0.25))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Gemp, Mahadevan, "Global Convergence to the Equilibrium of GANs using Variational Inequalities", 2018,
        https://arxiv.org/abs/1808.01531
    """

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        return optax.tree.sub(*_both(step.game, step.players)(step.u)), memory

    return _linear("crossing_the_curl", formula)


def _both(game: Game, players: Players) -> Callable[[Players], tuple[Players, Players]]:
    """Return ``t -> (J t, J^T t)``."""
    grouped = isinstance(game, estimators.Grouped)
    push = game.pushed(players) if grouped else products.forward(game, players)
    pull = products.transposed(game, players)
    return lambda vector: (push(vector), pull(vector))
