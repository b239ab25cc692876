"""The competitive step: each player responds to the move that the others are about to make."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.checks import whole_number
from gamesolve.estimators import first_examples
from gamesolve.linear.report import check_inner
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part, require_no_model_state, require_players
from gamesolve.transforms._origin import Origin
from gamesolve.transforms.geometry import Map, Potential, check_potentials, frames, potential_metric
from gamesolve.trees import Players, PyTree, Scalar


class _Problem(NamedTuple):
    """The linear system of one step: the step, u between the frames, one step size per player, and how to solve it."""

    step: Step
    u: Players
    eta: tuple[Scalar, ...]
    frames: tuple[tuple[Map, Map], ...] | None
    start: PyTree | None
    tolerance: Scalar
    inner: linear.Inner

    def metric(self, player: int, entry: PyTree) -> PyTree:
        """Return ``P_k entry``."""
        return entry if self.step.diagonal is None else optax.tree.mul(self.step.diagonal[player], entry)

    def size(self, player: int, entry: PyTree) -> PyTree:
        """Return ``D_k entry``, with ``D = eta P``."""
        return rates.times(self.eta[player], self.metric(player, entry))

    def framed(self, player: int, product: Callable[[Players], PyTree]) -> Callable[[Players], PyTree]:
        """Return a product with a row of J_o, taken between the players' frames."""
        if self.frames is None:
            return product
        around = self.frames
        centre, _ = around[player]
        tangent = lambda move, frame: None if move is None else frame[1](move)
        return lambda moves: centre(product(tuple(map(tangent, moves, around))))

    def solve(self, operator: Callable[[PyTree], PyTree], rhs: PyTree) -> tuple[PyTree, jax.Array]:
        """Solve a system of general games."""
        limits = self.inner.max_iterations, self.inner.dense_limit
        return linear.solve_general(operator, rhs, self.start, self.tolerance, *limits)


class _Solution(NamedTuple):
    """The solution: the direction ``P w``, the explicit one ``P u``, and what the report is made of."""

    direction: Players
    explicit: Players
    unknown: PyTree
    iterations: jax.Array
    residual: PyTree
    rhs: PyTree


@parametric
def competitive(
    eta: rates.Rates,
    metric: optax.GradientTransformation | None = None,
    inner: linear.Inner = linear.Inner(),
    potentials: Potential | tuple[Potential, ...] | None = None,
    curvature_batch: int | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``P (I - J_o D)^-1 u`` with ``D = eta P``: each player's response to the responses of the others.

    P is the diagonal metric, by default the identity. With two players, the Schur complement on the smaller one is
    solved: by conjugate gradients in zero-sum games, where it is symmetric positive definite, otherwise densely or by
    GMRES. Three and more players are solved as one system. If the solve fails, the step uses ``P u``.

    Args:
        eta: step sizes of the players, see `transforms.rates`.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`. Default: the identity.
        inner: how to do the solve, see `linear.Inner`.
        potentials: geometries of the players instead of a metric, one `Potential` or a tuple with one per player. P is
            then their metric, and u and J_o are taken between their tangent spaces.
        curvature_batch: number of examples that J_o sees, the first ones of the step's batch, which must be in random
            order. The field sees all. Default: all.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve in a `linear.Report`:
        ``optax.tree.get(state, "iterations")`` (0 if it was dense), ``"residual"``, ``"status"`` (a `linear.Outcome`)
        and ``"fallbacks"``. The residual is that of the system solved, with the J_o of the ``curvature_batch``.

    Raises:
        ValueError: in a step with ``curvature_batch``, if the batch has fewer examples, its leaves do not share a
            leading axis, there is no batch, or the game has a model state.

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
    check_inner(inner)
    if potentials is not None:
        if metric is not None:
            raise ValueError("competitive takes a metric or potentials, got both. Leave one of them out.")
        check_potentials(potentials)
        metric = potential_metric(potentials)
    if curvature_batch is not None:
        whole_number("curvature_batch", curvature_batch, 1)

    def memory(players: Players) -> linear.Report:
        require_players("competitive", players)
        return linear.empty_report(players[_smaller(players)] if len(players) == 2 else players)

    def formula(step: Step, last: linear.Report) -> tuple[Players, linear.Report]:
        sizes = rates.spread(step.rates, step.game.num_players, "eta")
        u, around = step.u, None
        if potentials is not None:
            around = frames(potentials, step.players)
            u = tuple(centre(entry) for (centre, _), entry in zip(around, u, strict=True))
        start = last.solution
        if curvature_batch is not None:
            require_no_model_state("curvature_batch", step.game)
            game = first_examples(step.game, curvature_batch, "curvature_batch")
            # On few examples J changes so much from step to step that the last solution would not save its product.
            start = last.solution if game is step.game else None
            step = step._replace(game=game)
        tolerance = inner.relative_tolerance(step.u)
        problem = _Problem(step, u, sizes, around, start, tolerance, inner)
        solution = _method(problem)(problem)
        report = linear.certify(
            last,
            solution.unknown,
            solution.iterations,
            solution.residual,
            solution.rhs,
            tolerance,
            # In zero-sum games the map is the identity plus a positive one, and solutions are short.
            near_identity=not step.game.is_zero_sum,
        )
        return optax.tree.where(report.failed, solution.explicit, solution.direction), report

    return part(
        "competitive",
        formula,
        eta,
        metric=metric,
        memory=memory,
        accepts=Origin.DIRECTION,
        returns=Origin.DIRECTION,
    )


def _method(problem: _Problem) -> Callable[[_Problem], _Solution]:
    if products.is_coupled(problem.step.game, problem.step.players):
        return _zero_sum
    return _two_players if problem.step.game.num_players == 2 else _many_players


def _zero_sum(problem: _Problem) -> _Solution:
    """Solve for the smaller player i by conjugate gradients, with ``J_ij = s M``, ``J_ji = -s M^T`` and a sign s.

    With ``R = P_i^(1/2)`` the unknown ``r = R w_i`` makes the operator symmetric, and ``P_i w_i = R r`` needs no
    division: ``r - eta_j R M s m = R u_i`` and ``s m + eta_i P_j M^T R r = P_j s u_j`` for ``m = P_j w_j``. Each step
    size multiplies before its own product and never the other step size: with tiny payoffs and large steps, a product
    of a small vector would underflow, and so would squares. With its sign, u_j is the gradient of the stored function,
    so XLA need not negate it for each use.
    """
    i, j, signed, to_i, to_j = _coupling(problem)
    diagonal, u = problem.step.diagonal, problem.u
    roots = None if diagonal is None else jax.tree.map(jnp.sqrt, diagonal[i])
    root = lambda entry: entry if roots is None else optax.tree.mul(roots, entry)
    eta_i, eta_j = problem.eta[i], problem.eta[j]
    solved = linear.coupled(
        lambda m: root(to_i(rates.times(eta_j, m))),
        lambda r: problem.metric(j, to_j(rates.times(eta_i, root(r)))),
        (root(u[i]), problem.metric(j, signed(u[j]))),
        problem.start,
        problem.tolerance,
        problem.inner.max_iterations,
    )
    direction = _ordered(i, root(solved.x), signed(solved.y))
    # R multiplies the sum, and P is its square, so that neither R u nor P has to be kept for later.
    residual = optax.tree.sub(root(optax.tree.add(u[i], to_i(rates.times(eta_j, solved.y)))), solved.x)
    explicit = _ordered(i, root(root(u[i])), problem.metric(j, u[j]))
    return _Solution(direction, explicit, solved.x, solved.iterations, residual, solved.rhs)


def _two_players(problem: _Problem) -> _Solution:
    """Solve ``(I - J_ij D_j J_ji D_i) w_i = u_i + J_ij D_j u_j`` for the smaller player i; w_j follows from it."""
    i = _smaller(problem.step.players)
    j, u = 1 - i, problem.u
    respond_i, respond_j = (
        problem.framed(k, products.response(problem.step.game, problem.step.players, k)) for k in (i, j)
    )
    to_i = lambda entry: respond_i(_placed(problem.size(j, entry), j))
    to_j = lambda entry: respond_j(_placed(problem.size(i, entry), i))

    def operator(w: PyTree) -> PyTree:
        return optax.tree.sub(w, to_i(to_j(w)))

    rhs = optax.tree.add(u[i], to_i(u[j]))
    w_i, iterations = problem.solve(operator, rhs)
    w_j = optax.tree.add(u[j], to_j(w_i))
    residual = optax.tree.sub(optax.tree.add(u[i], to_i(w_j)), w_i)
    direction = _ordered(i, problem.metric(i, w_i), problem.metric(j, w_j))
    return _Solution(direction, problem.step.metric(u), w_i, iterations, residual, rhs)


def _many_players(problem: _Problem) -> _Solution:
    """Solve ``(I - J_o D) w = u`` for all players at once."""
    step, u = problem.step, problem.u
    responses = [problem.framed(k, products.response(step.game, step.players, k)) for k in range(step.game.num_players)]

    def operator(w: Players) -> Players:
        moves = tuple(problem.size(k, entry) for k, entry in enumerate(w))
        return optax.tree.sub(w, tuple(respond(moves) for respond in responses))

    w, iterations = problem.solve(operator, u)
    return _Solution(step.metric(w), step.metric(u), w, iterations, optax.tree.sub(u, operator(w)), u)


def _coupling(problem: _Problem) -> tuple[int, int, Map, Map, Map]:
    """Return the smaller player i, the other one j, multiplication by s, and by M and M^T, where ``J_ij = s M``."""
    game, players = problem.step.game, problem.step.players
    i = _smaller(players)
    j = 1 - i
    sign, product_i = products.unsigned_response(game, players, i)
    _, product_j = products.unsigned_response(game, players, j)
    to_i, to_j = problem.framed(i, product_i), problem.framed(j, product_j)
    signed = lambda tree: jax.tree.map(jnp.negative, tree) if sign < 0 else tree
    return i, j, signed, lambda move: to_i(_placed(move, j)), lambda move: to_j(_placed(move, i))


def _smaller(players: Players) -> int:
    return int(optax.tree.size(players[1]) < optax.tree.size(players[0]))


def _placed(move: PyTree, player: int) -> Players:
    return (move, None) if player == 0 else (None, move)


def _ordered(i: int, entry_i: PyTree, entry_j: PyTree) -> Players:
    return (entry_i, entry_j) if i == 0 else (entry_j, entry_i)
