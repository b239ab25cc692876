"""Leader and follower: player 0 leads, player 1 answers."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products, rates
from gamesolve.game import Game, Players
from gamesolve.parametric import parametric
from gamesolve.transforms._parts import all_of, minus, plus, remembering, two, where
from gamesolve.transforms._solves import Settings, certified, combined, failed, settings


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
