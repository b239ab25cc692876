"""Parts that anticipate the others: look-ahead, opponent shaping, leaders and followers."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.game import Game, Players
from gamesolve.linear.report import Settings, certified, combined, failed, settings
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import all_of, inner, memoryless, minus, plus, remembering, two, where


@parametric
def anticipate(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(I + J_o D) u``: each player's gradient after a plain step of the others, to first order.

    Args:
        rate: D, the step size assumed of each player that is anticipated: a number, a schedule, an array, or a tuple
            with one of those per player.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.anticipate(0.5), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Zhang, Lesser, "Multi-Agent Learning with Policy Prediction", AAAI 2010.
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        return _anticipated(game, players, u, step)

    return memoryless("anticipate", rate, formula, coefficient="rate")


@parametric
def shape(rate: rates.Rates) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - chi``: look ahead, and steer the others' next step (LOLA, exact derivatives).

    With ``xi_0 = (I + J_o D) u`` and ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)``.

    Args:
        rate: D, the step size assumed of each player that is shaped, as in `anticipate`.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.shape(0.25), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Foerster et al., "Learning with Opponent-Learning Awareness", AAMAS 2018, https://arxiv.org/abs/1709.04326
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        return minus(_anticipated(game, players, u, step), _shaping(game, players, step))

    return memoryless("shape", rate, formula, coefficient="rate")


@parametric
def shape_stably(rate: rates.Rates, a: float = 0.5, b: float = 0.1) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``xi_0 - p chi`` with `shape`'s terms and the weight p of stable opponent shaping.

    ``p = min(p_1, p_2)``; ``p_1`` is 1 if ``-<chi, xi_0> >= 0``, else ``min(1, -a ||xi_0||^2 / -<chi, xi_0>)``; ``p_2``
    is ``||u||^2`` if ``||u|| < b``, else 1. So the shaping vanishes at zeros of the field.

    Args:
        rate: D, the step size assumed of each player that is shaped, as in `anticipate`.
        a: largest share of ``xi_0`` that shaping may undo.
        b: norm of the field below which shaping fades.

    Returns:
        The transformation; it needs ``game=`` and all players.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.shape_stably(0.25), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.75, 0.5]

    Reference:
        Letcher et al., "Stable Opponent Shaping in Differentiable Games", ICLR 2019,
        https://arxiv.org/abs/1811.08469
    """

    def formula(game: Any, players: Any, u: Any, _: Any, step: Any) -> Any:
        ahead, steering = _anticipated(game, players, u, step), _shaping(game, players, step)
        against = -inner(steering, ahead)
        bounded = jnp.minimum(1, a * inner(ahead, ahead) / jnp.where(against < 0, -against, 1))
        square = inner(u, u)
        weight = jnp.minimum(jnp.where(against >= 0, 1, bounded), jnp.where(square < b**2, square, 1))
        return jax.tree.map(lambda x, s: x - weight.astype(x.dtype) * s, ahead, steering)

    return memoryless("shape_stably", rate, formula, coefficient="rate")


def _anticipated(game: Game, players: Players, u: Players, step: Any) -> Players:
    return plus(u, products.off_diagonal(game, players)(rates.times(step, u, "rate")))


def _shaping(game: Game, players: Players, step: Any) -> Players:
    """Return ``chi_i = sum_j J_ji^T D_j (d payoff_i / d z_j)`` for every player i."""
    steps = rates.spread(step, game.num_players, "rate")
    terms = []
    for i in range(game.num_players):
        stakes = products.stakes(game, players, i)
        weighed = tuple(None if j == i else rates.times(steps[j], stake) for j, stake in enumerate(stakes))
        terms.append(products.influence(game, players, i)(weighed))
    return tuple(terms)


@parametric
def lead_totally(
    tolerance: float | None = None, max_iterations: int | None = None, forcing: float | None = None
) -> optax.GradientTransformationExtraArgs:
    """Give the leader its total gradient, through the follower's best response; the follower keeps its own.

    In losses f of the leader and g of the follower: ``f_x - g_xy g_yy^-1 f_y``.

    Args:
        tolerance: relative tolerance of the solve with the follower's Hessian; by default 1e-12 in float64 and 1e-6
            in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation for two players; it needs ``game=``. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> game = gs.from_losses(lambda x, y: y**2 / 2, lambda x, y: (y - x) ** 2 / 2)
        >>> solver = optax.chain(gs.transforms.lead_totally(), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(game, solver, (2.0, 1.0), 1).players]
        [1.5, 1.5]

    Reference:
        Fiez, Chasnov, Ratliff, "Implicit Learning Dynamics in Stackelberg Games", ICML 2020,
        https://arxiv.org/abs/1906.01217
    """
    solving = settings(tolerance, max_iterations, forcing)

    def formula(game: Game, players: Players, u: Players, _: Any, __: Any, last: linear.Report) -> tuple[Any, Any]:
        two("stackelberg (lead_totally)", game)
        total, report = _total(game, players, u, last, solving, solving.relative(u))
        return (total, u[1]), report

    return remembering("lead_totally", (), _unsolved, formula)


@parametric
def ridge(
    learning_rate: rates.Rates,
    total: bool = False,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into the move that follows the ridge: the follower also corrects for the leader's own move.

    In losses: ``Dx = -eta_x f_x`` and ``Dy = -eta_y g_y - g_yy^-1 g_yx Dx``.

    Args:
        learning_rate: step size: a number, a schedule, an array, or a tuple with one of those per player.
        total: whether the leader descends its total gradient, as in `lead_totally`, instead of ``f_x``.
        tolerance: relative tolerance of the solves; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on their Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation for two players; it scales by the step size itself and needs ``game=``.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: -3 * x**2 - y**2 + 4 * x * y)
        >>> solution = gs.solve(game, gs.transforms.ridge(0.05), (5.0, 7.0), 1)
        >>> [round(float(player), 5) for player in solution.players]
        [5.1, 7.5]

    Reference:
        Wang, Zhang, Ba, "On Solving Minimax Optimization Locally: A Follow-the-Ridge Approach", ICLR 2020,
        https://arxiv.org/abs/1910.07512
    """
    solving = settings(tolerance, max_iterations, forcing)

    def formula(game: Game, players: Players, u: Players, _: Any, eta: Any, last: linear.Report) -> tuple[Any, Any]:
        two("follow_the_ridge (ridge)", game)
        limit, report = solving.relative(u), last
        if total:
            leader, report = _total(game, players, u, last, solving, limit)
            u = (leader, u[1])
        moves = rates.times(jax.tree.map(jnp.negative, eta), u)
        answer = products.response(game, players, 1)((moves[0], None))
        begin = report._replace(solution=optax.tree.zeros_like(answer)) if total else last
        correction, correcting = _follow(game, players, answer, begin, solving, limit)
        kept = combined(report, correcting) if total else correcting
        return (moves[0], minus(moves[1], correction)), kept

    return remembering("ridge", learning_rate, _unsolved, formula, coefficient="learning_rate")


def _unsolved(params: Any) -> linear.Report:
    return linear.empty_report(all_of("a leader's part", params)[-1])


def _follow(
    game: Game, players: Players, rhs: Any, last: linear.Report, solving: Settings, limit: Any
) -> tuple[Any, linear.Report]:
    """Solve ``J_yy w = rhs`` with the follower's own Hessian; zero where the solve fails."""
    operate = products.curvature(game, players, 1)
    w, report = certified(linear.solve_symmetric, operate, rhs, last, limit, solving.max_iterations)
    return where(failed(report), optax.tree.zeros_like(w), w), report


def _total(
    game: Game, players: Players, u: Players, last: linear.Report, solving: Settings, limit: Any
) -> tuple[Any, linear.Report]:
    """Return the leader's total descent direction ``u_x + J_yx^T w`` with ``J_yy w = d payoff_x / dy``."""
    _, stake = products.stakes(game, players, 0)
    w, report = _follow(game, players, stake, last, solving, limit)
    return plus(u[0], products.influence(game, players, 0)((None, w))), report
