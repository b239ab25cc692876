"""Parts that anticipate the others: look-ahead, opponent shaping, leaders and followers."""

from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.checks import check_number
from gamesolve.linear.report import certified, check_inner, combined
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, require_players, require_two_players
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, PyTree, Scalar, dot, norm, normalised


@parametric
def anticipate(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I + J_o D) u``: each player's gradient after a gradient step of the others, to first order.

    Args:
        rate: D, the step size assumed of each player that is anticipated, see `transforms.rates`.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.anticipate(0.5), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Zhang, Lesser, "Multi-Agent Learning with Policy Prediction", AAAI 2010.
    """

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        return _anticipated(step), memory

    return part("anticipate", formula, rate, coefficient="rate", accepts=Origin.DIRECTION, returns=Origin.DIRECTION)


@parametric
def lola(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - chi``: look ahead, and shape the next step of the others (LOLA with exact derivatives).

    Here ``xi_0 = (I + J_o D) u`` and ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)``.

    Args:
        rate: D, the step size assumed of each player that is shaped, see `transforms.rates`.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.lola(0.25), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        return optax.tree.sub(_anticipated(step), _shaping(step, "lola")), memory

    return part("lola", formula, rate, coefficient="rate", returns=Origin.DIRECTION)


@parametric
def sos(rate: rates.Rates, a: float = 0.5, b: float = 0.1) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - p chi``, with the terms of `lola` and the weight p of stable opponent shaping.

    ``p = min(p_1, p_2)``; ``p_1`` is 1 if ``-<chi, xi_0> >= 0``, else ``min(1, -a ||xi_0||^2 / -<chi, xi_0>)``; ``p_2``
    is ``||u||^2`` if ``||u|| < b``, else 1. So the shaping vanishes at zeros of the field.

    Args:
        rate: D, the step size assumed of each player that is shaped, see `transforms.rates`.
        a: largest fraction of ``xi_0`` that shaping may cancel.
        b: norm of the field below which shaping fades out.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.sos(0.25), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Letcher et al., "Stable Opponent Shaping in Differentiable Games", ICLR 2019,
        https://arxiv.org/abs/1811.08469
    """
    check_number("a", a, least=0.0)
    check_number("b", b, least=0.0)

    def formula(step: Step, memory: PyTree) -> tuple[Players, PyTree]:
        ahead, shaping = _anticipated(step), _shaping(step, "sos")
        against, square = _against(shaping, ahead)
        bounded = jnp.minimum(1, a * square / jnp.where(against < 0, -against, 1))
        length = norm(step.u)
        weight = jnp.minimum(jnp.where(against >= 0, 1, bounded), jnp.where(length < b, length**2, 1))
        return jax.tree.map(lambda x, s: x - weight.astype(x.dtype) * s, ahead, shaping), memory

    return part("sos", formula, rate, coefficient="rate", returns=Origin.DIRECTION)


def _against(shaping: Players, ahead: Players) -> tuple[jax.Array, jax.Array]:
    """Return ``-<chi, xi_0>`` and ``||xi_0||^2``, both divided by a common factor, so that neither is lost."""
    (length, ahead), (size, shaping) = normalised(ahead), normalised(shaping)
    return jnp.negative(dot(shaping, ahead)), dot(ahead, ahead) * (length / size)


def _anticipated(step: Step) -> Players:
    moved = rates.times(step.rates, step.u, "rate")
    return optax.tree.add(step.u, products.off_diagonal(step.game, step.players)(moved))


def _shaping(step: Step, name: str) -> Players:
    """Return ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)`` for every player i."""
    sizes = rates.spread(step.rates, step.game.num_players, "rate")
    terms = []
    for i in range(step.game.num_players):
        stakes = products.stakes(step.game, step.players, i, name)
        weighted = tuple(None if j == i else rates.times(sizes[j], stake) for j, stake in enumerate(stakes))
        terms.append(products.influence(step.game, step.players, i)(weighted))
    return tuple(terms)


@parametric
def stackelberg(inner: linear.Inner = linear.Inner()) -> optax.GradientTransformationExtraArgs:
    """Give the leader its total gradient, through the follower's best response; the follower keeps its own gradient.

    In losses f of the leader and g of the follower, the total gradient is ``f_x - g_xy g_yy^-1 f_y``. If the solve with
    the follower's Hessian fails, the leader also keeps its own gradient.

    Args:
        inner: how to do the solve, see `linear.Inner`.

    Returns:
        The transformation, for two players; it needs ``game=`` and all players. Its state reports the last solve, see
        `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> game = gs.from_losses(lambda x, y: y**2 / 2, lambda x, y: (y - x) ** 2 / 2)
        >>> solver = optax.chain(gs.transforms.stackelberg(), optax.sgd(0.5))
        >>> solution = gs.solve(game, solver, (2.0, 1.0), 1)
        >>> [float(player) for player in solution.players]
        [1.5, 1.5]

    Reference:
        Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games", ICML 2020,
        https://arxiv.org/abs/1906.01217
    """
    check_inner(inner)

    def formula(step: Step, last: linear.Report) -> tuple[Players, linear.Report]:
        require_two_players("stackelberg", step.game)
        total, report = _total("stackelberg", step, last, inner, inner.relative_tolerance(step.u))
        return (total, step.u[1]), report

    return part("stackelberg", formula, memory=_unsolved, returns=Origin.DIRECTION)


@parametric
def follow_the_ridge(
    learning_rate: rates.Rates, total: bool = False, inner: linear.Inner = linear.Inner()
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move that follows the ridge: the follower also corrects for the leader's move.

    In losses: ``Dx = -eta_x f_x`` and ``Dy = -eta_y g_y - g_yy^-1 g_yx Dx``. If the solve with the follower's Hessian
    fails, the follower does not correct.

    Args:
        learning_rate: step size, see `transforms.rates`.
        total: whether the leader descends its total gradient, as in `stackelberg`, instead of ``f_x``.
        inner: how to do the solves, see `linear.Inner`.

    Returns:
        The transformation, for two players; it needs ``game=`` and all players. It returns moves, already scaled by the
        step size.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -3 * x**2 - y**2 + 4 * x * y)
        >>> solution = gs.solve(game, gs.transforms.follow_the_ridge(0.05), (5.0, 7.0), 1)
        >>> [round(float(player), 5) for player in solution.players]
        [5.1, 7.5]

    Reference:
        Wang, Zhang, Ba, "On Solving Minimax Optimization Locally: A Follow-the-Ridge Approach", ICLR 2020,
        https://arxiv.org/abs/1910.07512
    """
    check_inner(inner)

    def formula(step: Step, last: linear.Report) -> tuple[Players, linear.Report]:
        require_two_players("follow_the_ridge", step.game)
        u, tolerance, report = step.u, inner.relative_tolerance(step.u), last
        if total:
            leader, report = _total("follow_the_ridge", step, last, inner, tolerance)
            u = (leader, u[1])
        moves = rates.times(jax.tree.map(jnp.negative, step.rates), u)
        response = products.response(step.game, step.players, 1)((moves[0], None))
        begin = report._replace(solution=optax.tree.zeros_like(response)) if total else last
        correction, correcting = _follow("follow_the_ridge", step, response, begin, inner, tolerance)
        kept = combined(report, correcting) if total else correcting
        return (moves[0], optax.tree.sub(moves[1], correction)), kept

    return part("follow_the_ridge", formula, learning_rate, coefficient="learning_rate", memory=_unsolved)


def _unsolved(players: Players) -> linear.Report:
    return linear.empty_report(require_players("a solver with a leader", players)[-1])


def _follow(
    name: str, step: Step, rhs: PyTree, last: linear.Report, inner: linear.Inner, tolerance: Scalar
) -> tuple[PyTree, linear.Report]:
    """Solve ``J_yy w = rhs`` with the follower's own Hessian; zero if the solve fails."""
    products.value(step.game, step.players, 1, name)  # or its block need not be symmetric
    operator, rhs = linear.balanced(products.curvature(step.game, step.players, 1), rhs)
    solve = partial(linear.solve_symmetric, dense_limit=inner.dense_limit)
    w, report = certified(solve, operator, rhs, last, tolerance, inner.max_iterations)
    return optax.tree.where(report.failed, optax.tree.zeros_like(w), w), report


def _total(
    name: str, step: Step, last: linear.Report, inner: linear.Inner, tolerance: Scalar
) -> tuple[PyTree, linear.Report]:
    """Return the leader's total descent direction ``u_x + J_yx^T w`` with ``J_yy w = d payoff_x / dy``."""
    _, stake = products.stakes(step.game, step.players, 0, name)
    w, report = _follow(name, step, stake, last, inner, tolerance)
    return optax.tree.add(step.u[0], products.influence(step.game, step.players, 0)((None, w))), report
