"""Opponent shaping and leadership: anticipate or steer the learning of the other players."""

from collections.abc import Callable

import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates, unrolled
from gamesolve.trees import Scalar

__all__ = [
    "follow_the_ridge",
    "hola",
    "lola",
    "meta_mapg",
    "opponent_lookahead",
    "pola",
    "sos",
    "stackelberg",
    "unrolled_lola",
]


def _assumed(learning_rate: rates.Rates, alpha: rates.Rates | None) -> rates.Rates:
    """Return the step size assumed of the others, checked under the name that it has here."""
    name, assumed = ("learning_rate", learning_rate) if alpha is None else ("alpha", alpha)
    rates.check(name, assumed)
    return assumed


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
    return optax.chain(transforms.anticipate(_assumed(learning_rate, alpha)), transforms.descend(learning_rate))


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
    return optax.chain(transforms.lola(_assumed(learning_rate, alpha)), transforms.descend(learning_rate))


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
    return optax.chain(transforms.sos(_assumed(learning_rate, alpha), a, b), transforms.descend(learning_rate))


@declare(
    formula="z_i + E d payoff_i(z_i, z_-i + h_-i) / d z_i",
    paper="Willi et al. 2022",
    cost=Cost(vjps=3.5),
)
@parametric
def hola(learning_rate: rates.Rates, alpha: rates.Rates | None = None, order: int = 2) -> optax.GradientTransformation:
    """Shape others who shape in turn: higher-order opponent-learning awareness, with exact derivatives.

    Player i ascends ``payoff_i(z_i, z_-i + h_-i(z))`` in ``z_i``, through ``h_-i``. Here ``h_j`` is the step that
    player j takes by the order below, with step size D; at order 0 it is a gradient step. So order 1 is LOLA without
    the Taylor expansion of `lola`. If the steps converge in the order, they are consistent: each player then assumes of
    the others what they do. The cost grows exponentially with the order.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size D assumed of the others, as for ``learning_rate``. Default: E.
        order: number of levels of shaping, at least 1. Default: 2.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.hola(0.5, alpha=0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.4375]

    Reference:
        Willi, Letcher, Treutlein, Foerster, "COLA: Consistent Learning with Opponent-Learning Awareness", ICML 2022,
        https://arxiv.org/abs/2203.04098
    """
    return optax.chain(transforms.hola(_assumed(learning_rate, alpha), order), transforms.descend(learning_rate))


@declare(formula="z_i + E d payoff_i(z_i, z_-i^k) / d z_i", paper="Foerster et al. 2018", cost=Cost(vjps=2.5))
@parametric
def unrolled_lola(
    learning_rate: rates.Rates, alpha: rates.Rates | None = None, lookahead: int = 2
) -> optax.GradientTransformation:
    """Shape several naive steps of the others: LOLA with k steps of look-ahead, with exact derivatives.

    Player i ascends ``payoff_i(z_i, z_-i^k)`` in ``z_i``. The others start from ``z_-i`` and take k gradient steps of
    size D while ``z_i`` stays; the gradient goes through these steps. It is LOLA-DiCE with exact values in place of
    samples. One step is `hola` of order 1.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size D assumed of the others, as for ``learning_rate``. Default: E.
        lookahead: number k of steps that the others take, at least 1. Default: 2.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.unrolled_lola(0.5, alpha=0.25), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Foerster et al., "DiCE: The Infinitely Differentiable Monte-Carlo Estimator", ICML 2018,
        https://arxiv.org/abs/1802.05098
    """
    return optax.chain(
        transforms.unrolled_lola(_assumed(learning_rate, alpha), lookahead), transforms.descend(learning_rate)
    )


@declare(formula="z_i + E d (sum_k payoff_i(z^k)) / d z_i", paper="Kim et al. 2021", cost=Cost(vjps=6))
@parametric
def meta_mapg(
    learning_rate: rates.Rates, alpha: rates.Rates | None = None, horizon: int = 2
) -> optax.GradientTransformation:
    """Optimise the payoffs that the learning of all players leads to: the meta-multiagent policy gradient, exactly.

    Player i ascends ``sum_k payoff_i(z^k)`` over k from 1 to the horizon, where ``z^0 = z`` and each ``z^(k+1)``
    follows from a gradient step of all players of size D, player i included. The gradient goes through all of these
    steps: so it has a term for the player's own learning and one for that of the others.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        alpha: step size D of that learning, as for ``learning_rate``. Default: E.
        horizon: number of learning steps, at least 1. Default: 2.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.meta_mapg(0.5, horizon=1), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.375]

    Reference:
        Kim et al., "A Policy Gradient Algorithm for Learning to Learn in Multiagent Reinforcement Learning", ICML 2021,
        https://arxiv.org/abs/2011.00382
    """
    return optax.chain(transforms.meta_mapg(_assumed(learning_rate, alpha), horizon), transforms.descend(learning_rate))


@declare(
    formula="argmin_x l_i(x, z_-i - D dl_-i(x, z_-i)) + c div(z_i, x)",
    paper="Zhao et al. 2022",
    cost=Cost(vjps=34),  # of ten iterations, the default
)
@parametric
def pola(
    learning_rate: rates.Rates,
    alpha: rates.Values | None = None,
    penalty: float = 1.0,
    iterations: int = 10,
    divergence: Callable[..., Scalar] = unrolled.squared_difference,
) -> optax.GradientTransformation:
    """Shape the others by a proximal step, which need not depend on how a player's policy is parameterised: outer POLA.

    In losses, player i takes gradient steps on ``loss_i(x, z_-i - D d loss_-i(x, z_-i)) + penalty * divergence(z_i,
    x)`` over x, from ``z_i``. After many of them, and with a divergence between policies, the step of a policy does not
    depend on how the player itself is parameterised. It depends on how the others are, since their assumed steps are
    gradient steps. One iteration is `hola` of order 1.

    Args:
        learning_rate: step size E of the gradient steps, see `transforms.rates`.
        alpha: step size D assumed of the others: a number or a tuple with one per player. Default: E.
        penalty: weight of the divergence; 1 / ``penalty`` stands for the step size of the whole step. Default: 1.
        iterations: number of gradient steps, at least 1. Default: 10.
        divergence: ``divergence(old, new)`` of two versions of a player, such as `games.policy_divergence`. Default:
            ``||new - old||^2 / 2``.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.iterated_prisoners_dilemma()
        >>> solver = gs.pola(5.0, alpha=60.0, penalty=0.01, iterations=50, divergence=gs.games.policy_divergence)
        >>> players = gs.solve(game, solver, game.start, 10).players
        >>> [round(float(payoff), 1) for payoff in game.evaluate(players)]
        [-1.0, -1.0]

    Reference:
        Zhao, Lu, Grosse, Foerster, "Proximal Learning With Opponent-Learning Awareness", NeurIPS 2022,
        https://arxiv.org/abs/2210.10125
    """
    return transforms.pola(learning_rate, alpha, penalty, iterations, divergence)


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
