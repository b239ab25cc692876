"""Named solvers that reckon with the others' learning: look-ahead, shaping, leader and follower."""

from typing import Any

import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def opponent_lookahead(learning_rate: rates.Rates, alpha: Any = None) -> optax.GradientTransformation:
    """Opponent look-ahead: each player answers a plain step of the others, to first order.

    One step is ``z + E (I + J_o D) v``, D the step size assumed of the player being anticipated.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        alpha: step size assumed of each player that is anticipated, a number or a tuple; E unless given.

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


@parametric
def lola(learning_rate: rates.Rates, alpha: Any = None) -> optax.GradientTransformation:
    """Learning with opponent-learning awareness: look ahead and steer the others' next step, exact derivatives.

    In losses: ``z - E (xi_0 - chi)`` with ``xi_0 = (I - J_xi,o D) xi`` and
    ``chi_i = sum_j D_j (d xi_j / d z_i)^T d loss_i / d z_j``. Its
    fixed points need not be zeros of the field.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        alpha: step size assumed of each player that is anticipated, a number or a tuple; E unless given.

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


@parametric
def sos(learning_rate: rates.Rates, alpha: Any = None, a: float = 0.5, b: float = 0.1) -> optax.GradientTransformation:
    """Stable opponent shaping: `lola` with a weight on the shaping that keeps the fixed points of the field.

    ``z - E (xi_0 - p chi)``; see `transforms.sos` for p.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        alpha: step size assumed of each player that is anticipated, a number or a tuple; E unless given.
        a: largest share of the look-ahead that shaping may undo.
        b: norm of the field below which shaping fades.

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


@parametric
def stackelberg(
    learning_rate: rates.Rates,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Implicit Stackelberg gradient: player 0 leads with its total gradient, player 1 follows with its own.

    In losses: ``x - E_x (f_x - g_xy g_yy^-1 f_y)``, ``y - E_y g_y``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
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


@parametric
def follow_the_ridge(
    learning_rate: rates.Rates,
    total: bool = False,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Follow the ridge: the follower also corrects for the leader's own move.

    In losses: ``Dx = -E_x f_x``, ``Dy = -E_y g_y - g_yy^-1 g_yx Dx``. In zero-sum games its step map has the real
    spectrum of the Schur complement and the follower's Hessian.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        total: whether the leader descends its total gradient, as in `stackelberg`.
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
