"""Opponent shaping and leadership: anticipate or steer the learning of the other players."""

import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = ["follow_the_ridge", "lola", "opponent_lookahead", "sos", "stackelberg"]


@declare(formula="z + E (I + J_o D) v", paper="Zhang, Lesser 2010", cost=Cost(vjps=1))
@parametric
def opponent_lookahead(learning_rate: rates.Rates, alpha: rates.Rates | None = None) -> optax.GradientTransformation:
    """Answer a plain gradient step of the other players, to first order: opponent look-ahead.

    One step is ``z + E (I + J_o D) v``, where D holds the step sizes that are assumed of the players anticipated.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size assumed of each anticipated player, as for ``learning_rate``. Default: E.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.opponent_lookahead(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Zhang, Lesser, "Multi-Agent Learning with Policy Prediction", AAAI 2010.
    """
    assumed = learning_rate if alpha is None else alpha
    return optax.chain(transforms.anticipate(assumed), transforms.descend(learning_rate))


@declare(formula="z - E (ξ₀ - χ)", paper="Foerster et al. 2018", cost=Cost(vjps=1.5))
@parametric
def lola(learning_rate: rates.Rates, alpha: rates.Rates | None = None) -> optax.GradientTransformation:
    """Anticipate and steer the others' next step: learning with opponent-learning awareness, with exact derivatives.

    In losses: ``z - E (xi_0 - chi)`` with ``xi_0 = (I - J_xi,o D) xi`` and
    ``chi_i = sum_j D_j (d xi_j / d z_i)^T d loss_i / d z_j``. Here ``xi`` holds each player's gradient of its own loss,
    ``J_xi,o`` the off-diagonal blocks of its Jacobian, and D the assumed step sizes. The fixed points need not be zeros
    of the field.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size assumed of each anticipated player, as for ``learning_rate``. Default: E.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.lola(0.5, alpha=0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """
    assumed = learning_rate if alpha is None else alpha
    return optax.chain(transforms.lola(assumed), transforms.descend(learning_rate))


@declare(formula="z - E (ξ₀ - p χ)", paper="Letcher et al. 2019", cost=Cost(vjps=1.5))
@parametric
def sos(
    learning_rate: rates.Rates, alpha: rates.Rates | None = None, a: float = 0.5, b: float = 0.1
) -> optax.GradientTransformation:
    """Weight the shaping term of `lola` so that the fixed points are zeros of the field: stable opponent shaping.

    One step is ``z - E (xi_0 - p chi)``; `transforms.sos` defines p.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size assumed of each anticipated player, as for ``learning_rate``. Default: E.
        a: largest share of the look-ahead that shaping may undo. Default: 0.5.
        b: norm of the field below which shaping fades. Default: 0.1.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.sos(0.5, alpha=0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Letcher et al., "Stable Opponent Shaping in Differentiable Games", ICLR 2019,
        https://arxiv.org/abs/1811.08469
    """
    assumed = learning_rate if alpha is None else alpha
    return optax.chain(transforms.sos(assumed, a, b), transforms.descend(learning_rate))


@declare(
    formula="x: total gradient D_x f; y: its own",
    paper="Fiez, Chasnov, Ratliff 2020",
    cost=Cost(vjps=2, vjps_per_iteration=0.5),
)
@parametric
def stackelberg(
    learning_rate: rates.Rates,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Let player 0 lead with its total gradient and player 1 follow with its own: the implicit Stackelberg gradient.

    In losses: ``x - E_x (f_x - g_xy g_yy^-1 f_y)``, ``y - E_y g_y``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.from_losses(lambda x, y: y**2 / 2, lambda x, y: (y - x) ** 2 / 2)
        >>> solution = gs.solve(game, gs.stackelberg(0.5), (2.0, 1.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [1.5, 1.5]

    Reference:
        Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games", ICML 2020,
        https://arxiv.org/abs/1906.01217
    """
    return optax.chain(transforms.stackelberg(inner), transforms.descend(learning_rate))


@declare(
    formula="Δy = -η_y g_y - g_yy⁻¹ g_yx Δx",
    paper="Wang, Zhang, Ba 2020",
    cost=Cost(vjps=2, vjps_per_iteration=0.5),
)
@parametric
def follow_the_ridge(
    learning_rate: rates.Rates,
    total: bool = False,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Let the follower also correct for the leader's move: follow the ridge.

    In losses: ``Dx = -E_x f_x``, ``Dy = -E_y g_y - g_yy^-1 g_yx Dx``. In zero-sum games the spectrum of its step map is
    real: it is that of the Schur complement and the follower's Hessian.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        total: whether the leader descends its total gradient, as in `stackelberg`. Default: False.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -3 * x**2 - y**2 + 4 * x * y)
        >>> solution = gs.solve(game, gs.follow_the_ridge(0.05), (5.0, 7.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [5.1, 7.5]

    Reference:
        Wang, Zhang, Ba, "On Solving Minimax Optimization Locally: A Follow-the-Ridge Approach", ICLR 2020,
        https://arxiv.org/abs/1910.07512
    """
    return transforms.follow_the_ridge(learning_rate, total, inner)
