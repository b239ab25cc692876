"""The competitive step: each player answers the move that the others are about to make."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.game import Game, Players
from gamesolve.linear.report import failed, settings
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import all_of, minus, negative, plus, remembering, times, where
from gamesolve.transforms.geometry import frames, potential_metric

Product = Callable[[Any], Any]


class _Problem(NamedTuple):
    """One step's system: where it is taken, u, the step sizes, the diagonal of P, the frames, and how it is solved."""

    game: Game
    players: Players
    u: Players
    eta: tuple[Any, ...]
    diagonal: Any
    frames: Any
    start: Any
    tolerance: Any
    limit: int | None

    def metric(self, player: int, entry: Any) -> Any:
        """Return ``P_k entry``."""
        return entry if self.diagonal is None else times(self.diagonal[player], entry)

    def size(self, player: int, entry: Any) -> Any:
        """Return ``D_k entry``, with ``D = eta P``."""
        return rates.times(self.eta[player], self.metric(player, entry))

    def framed(self, player: int, product: Callable[[Players], Any]) -> Callable[[Players], Any]:
        """Return a product with a row of J_o between the players' frames."""
        if self.frames is None:
            return product
        centre, _ = self.frames[player]
        tangent = lambda move, frame: None if move is None else frame[1](move)
        return lambda moves: centre(product(tuple(map(tangent, moves, self.frames))))


class _Solution(NamedTuple):
    """Its solution: ``P w`` and, without answers, ``P u``; what the next solve starts from, and what certifies it."""

    direction: Players
    explicit: Players
    unknown: Any
    iterations: jax.Array
    residual: Any
    rhs: Any


@parametric
def competitive(
    eta: rates.Rates,
    metric: Any = None,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
    potentials: Any = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``P (I - J_o D)^-1 u`` with ``D = eta P``: the players' answers to each other's answers.

    P is the diagonal metric, by default the identity. Two players are solved through the Schur complement on the
    smaller one: by conjugate gradients in zero-sum games, where it is symmetric positive definite, otherwise
    by a dense solve or GMRES; three and more players as one system. Each solve starts from the last one's solution.
    Where its true relative residual exceeds `linear.ACCEPTED_RESIDUAL` the step uses ``P u`` instead, and counts it.

    Args:
        eta: the players' step sizes: a number, a schedule, an array, or a tuple with one of those per player.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`; None for the identity.
        tolerance: relative tolerance of the solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on the Krylov iterations; by default ten times the unknowns, at most 1000, for conjugate
            gradients, and `linear.ITERATIONS` for GMRES.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.
        potentials: geometries of the players, one `Potential` or a tuple with one per player, in place of a metric: P
            is their metric, and u and J_o are taken between their tangent spaces.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve:
        ``optax.tree.get(state, "iterations")`` (0 where it was dense), ``"residual"``, ``"status"`` (a
        `linear.Outcome`), ``"fallbacks"``.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.competitive(1.0), optax.sgd(1.0))
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> solution = gs.solve(game, solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]
        >>> int(optax.tree.get(solution.state, "iterations"))
        1

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103;
        for n players Ma et al., "Polymatrix Competitive Gradient Descent", 2021, https://arxiv.org/abs/2111.08565
    """
    solving = settings(tolerance, max_iterations, forcing)
    if potentials is not None:
        if metric is not None:
            raise ValueError("competitive got a metric and potentials, which are one as well; give one of them.")
        metric = potential_metric(potentials)

    def start(params: Any) -> linear.Report:
        all_of("competitive", params)
        return linear.empty_report(params[_smaller(params)] if len(params) == 2 else params)

    def formula(game: Game, players: Players, u: Any, diagonal: Any, step: Any, last: Any) -> tuple[Any, Any]:
        steps = rates.spread(step, game.num_players, "eta")
        for rate in steps:
            if jnp.ndim(rate):
                raise ValueError(
                    f"eta has shape {jnp.shape(rate)}; competitive takes one number per player, and a metric for one "
                    "per parameter."
                )
        limit, around = solving.relative(u), None
        if potentials is not None:
            around = frames(potentials, players)
            u = tuple(centre(entry) for (centre, _), entry in zip(around, u, strict=True))
        problem = _Problem(game, players, u, steps, diagonal, around, last.solution, limit, max_iterations)
        solution = _method(problem)(problem)
        report = linear.certify(last, solution.unknown, solution.iterations, solution.residual, solution.rhs, limit)
        return where(failed(report), solution.explicit, solution.direction), report

    return remembering("competitive", eta, start, formula, metric)


def _method(problem: _Problem) -> Callable[[_Problem], _Solution]:
    if problem.game.is_zero_sum:
        return _zero_sum
    return _two_players if problem.game.num_players == 2 else _many_players


def _zero_sum(problem: _Problem) -> _Solution:
    """Solve for the smaller player i by conjugate gradients, with ``J_ij = s M``, ``J_ji = -s M^T`` and a sign s.

    With ``R = P_i^(1/2)`` the unknown ``r = R w_i`` makes the operator symmetric, and ``P_i w_i = R r`` takes no
    division: ``r - eta_j R M s m = R u_i`` and ``s m + eta_i P_j M^T R r = P_j s u_j`` for ``m = P_j w_j``. Each step
    size multiplies after a product of its own, never the other one: where payoffs are tiny and steps are large, squares
    are lost. With its sign, u_j is the gradient of the stored function, which XLA then need not negate for each use.
    """
    i, j, signed, to_i, to_j = _coupling(problem)
    root = None if problem.diagonal is None else jax.tree.map(jnp.sqrt, problem.diagonal[i])
    eta_i, eta_j = problem.eta[i], problem.eta[j]
    solved = linear.coupled(
        lambda m: rates.times(eta_j, times(root, to_i(m))),
        lambda r: rates.times(eta_i, problem.metric(j, to_j(times(root, r)))),
        (times(root, problem.u[i]), problem.metric(j, signed(problem.u[j]))),
        problem.start,
        problem.tolerance,
        problem.limit,
    )
    direction = _ordered(i, times(root, solved.x), signed(solved.y))
    # R multiplies the sum, and P is its square: so neither R u nor P has to be kept for later.
    residual = minus(times(root, plus(problem.u[i], rates.times(eta_j, to_i(solved.y)))), solved.x)
    explicit = _ordered(i, times(root, times(root, problem.u[i])), problem.metric(j, problem.u[j]))
    return _Solution(direction, explicit, solved.x, solved.iterations, residual, solved.rhs)


def _two_players(problem: _Problem) -> _Solution:
    """Solve for the smaller player i, ``(I - J_ij D_j J_ji D_i) w_i = u_i + J_ij D_j u_j``; the other one follows."""
    i = _smaller(problem.players)
    j, u = 1 - i, problem.u
    respond_i, respond_j = (problem.framed(k, products.response(problem.game, problem.players, k)) for k in (i, j))
    to_i = lambda entry: respond_i(_placed(problem.size(j, entry), j))
    to_j = lambda entry: respond_j(_placed(problem.size(i, entry), i))

    def operate(w: Any) -> Any:
        return minus(w, to_i(to_j(w)))

    rhs = plus(u[i], to_i(u[j]))
    w_i, iterations = linear.solve_general(operate, rhs, problem.start, problem.tolerance, problem.limit)
    w_j = plus(u[j], to_j(w_i))
    residual = minus(plus(u[i], to_i(w_j)), w_i)
    direction = _ordered(i, problem.metric(i, w_i), problem.metric(j, w_j))
    return _Solution(direction, times(problem.diagonal, u), w_i, iterations, residual, rhs)


def _many_players(problem: _Problem) -> _Solution:
    """Solve ``(I - J_o D) w = u`` for all players at once."""
    players = range(problem.game.num_players)
    answers = [problem.framed(k, products.response(problem.game, problem.players, k)) for k in players]

    def operate(w: Players) -> Players:
        moves = tuple(problem.size(k, entry) for k, entry in enumerate(w))
        return minus(w, tuple(answer(moves) for answer in answers))

    w, iterations = linear.solve_general(operate, problem.u, problem.start, problem.tolerance, problem.limit)
    direction, explicit = times(problem.diagonal, w), times(problem.diagonal, problem.u)
    return _Solution(direction, explicit, w, iterations, minus(problem.u, operate(w)), problem.u)


def _coupling(problem: _Problem) -> tuple[int, int, Product, Product, Product]:
    """Return the smaller player i, the other one j, multiplication by s, and by M and M^T, where ``J_ij = s M``."""
    i = _smaller(problem.players)
    j = 1 - i
    sign, product_i = products.unsigned_response(problem.game, problem.players, i)
    _, product_j = products.unsigned_response(problem.game, problem.players, j)
    to_i, to_j = problem.framed(i, product_i), problem.framed(j, product_j)
    signed = negative if sign < 0 else lambda tree: tree
    return i, j, signed, lambda move: to_i(_placed(move, j)), lambda move: to_j(_placed(move, i))


def _smaller(players: Players) -> int:
    return int(optax.tree.size(players[1]) < optax.tree.size(players[0]))


def _placed(move: Any, player: int) -> Players:
    return (move, None) if player == 0 else (None, move)


def _ordered(i: int, entry_i: Any, entry_j: Any) -> Players:
    return (entry_i, entry_j) if i == 0 else (entry_j, entry_i)
