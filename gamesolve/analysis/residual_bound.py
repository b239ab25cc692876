"""The worst residual after a given number of steps: performance estimation of first-order solvers."""

import math
from typing import NamedTuple

import numpy as np
import optax
import scipy.linalg

from gamesolve.analysis.field_class import FieldClass, Form, Value, Vectors, field_class, of_fields, of_normals, square
from gamesolve.analysis.formal_game import PLAYERS
from gamesolve.analysis.formal_step import formal_run
from gamesolve.analysis.lifted_step import moved
from gamesolve.analysis.semidefinite import cvxpy, exceeds_rounding, largest_eigenvalue, solved, summed
from gamesolve.analysis.step_coefficients import Query, Steps
from gamesolve.checks import whole_number
from gamesolve.solver import as_solver
from gamesolve.trees.faces import shown

# Margins of the proof that are tried in turn. A larger one costs accuracy, a smaller one may be lost to rounding.
MARGINS = (1e-8, 1e-7, 1e-6)
# Rounds of corrections; after the first one few weights are corrected to zero.
BALANCING = 4


@shown()
class ResidualBound(NamedTuple):
    """The result of `worst_case_residual`.

    Attributes:
        bound: the smallest proved bound on ``|residual|^2 / |z_0 - z*|^2``.
        multipliers: nonnegative weights of the inequalities of the class.
        shares: nonnegative weights of the residuals, whose sum is 1: one, or one per field for "best field".
        margin: the proof holds by at least this share of the squared norms, in units in which L is 1.
    """

    bound: float
    multipliers: np.ndarray
    shares: np.ndarray
    margin: float


class _Problem(NamedTuple):
    """The squared residuals, the squared distance at the start and the inequalities, for one player.

    On sets, constant fields leave all squares at zero. ``cross`` holds the products of each inequality with them, of
    which a proof leaves nothing; it has no columns without sets.
    """

    residuals: np.ndarray
    start: np.ndarray
    forms: np.ndarray
    cross: np.ndarray


def worst_case_residual(
    solver: optax.GradientTransformation,
    num_steps: int,
    *,
    mu: float = 0.0,
    L: float = math.inf,
    cocoercivity: float = 0.0,
    weak_minty: float | None = None,
    measure: str = "move",
) -> ResidualBound:
    """Bound the residual after some steps of a first-order solver, on all games of a class and from all starts.

    The class is that of `certify`, here with mu = 0 as well. Steps may depend on the step count, as anchored ones do.
    With `any_set` as projections the bound holds for all sets, and for starts in them.

    Args:
        solver: a solver or any optax transformation, whose step is linear in the fields at linear combinations of
            points.
        num_steps: number n of steps. The time grows fast with the number of fields: some seconds for twenty.
        mu: modulus of strong monotonicity. Default: 0, monotone fields.
        L: Lipschitz constant of the field. Default: infinity, which suits `exact_proximal`.
        cocoercivity: see `certify`. Default: 0.
        weak_minty: the smallest rho with ``<F(z), z - z*> >= -rho / 2 |F(z)|^2`` for all z and an equilibrium z*, for
            fields that need not be monotone, without sets. Default: None, monotone fields.
        measure: the residual: "move" for the last move ``z_n - z_(n-1)``, "field" for ``v(z_n)``, "distance" for
            ``z_n - z*``, "best field" for the smallest of the fields that the steps evaluate. Default: "move".

    Returns:
        The `ResidualBound`.

    Raises:
        ImportError: if cvxpy or clarabel is not installed.
        ValueError: if the solver is not first order, if the class is empty, or if no bound is found.

    Example:
        >>> import gamesolve as gs
        >>> result = gs.analysis.worst_case_residual(gs.simgd(0.5), 2, mu=0.5, L=1.0, measure="distance")
        >>> round(result.bound, 4)                       # (1 - 2 mu eta + L^2 eta^2)^2
        0.5625

    Reference:
        Drori, Teboulle, "Performance of First-Order Methods for Smooth Convex Minimization", Math. Programming 2014,
        https://arxiv.org/abs/1206.3209; Ryu, Taylor, Bergeling, Giselsson, "Operator Splitting Performance
        Estimation", SIAM J. Optim. 2020, https://arxiv.org/abs/1812.00146; Goujaud et al., "PEPit", 2022,
        https://arxiv.org/abs/2201.04040; Diakonikolas, Daskalakis, Jordan, "Efficient Methods for Structured
        Nonconvex-Nonconcave Min-Max Optimization", AISTATS 2021, https://arxiv.org/abs/2011.00364
    """
    fields = field_class(mu, L, cocoercivity, weak_minty)
    steps = formal_run(as_solver(solver), whole_number("num_steps", num_steps, 1), fields.unit)
    _check_translates(steps)
    # Two more vectors: the field at the last players, and the field at an equilibrium on sets.
    size = steps.rows[-1].shape[1] + 2
    queries = [_wide(query, size) for asked in steps.queries for query in asked]
    last, before = (tuple(_padded(row, size) for row in rows) for rows in steps.rows[:-3:-1])
    residuals = {"move": [tuple(map(np.subtract, last, before))], "distance": [last]}
    constrained = {query.player for query in queries if query.player is not None}
    if constrained and weak_minty is not None:
        raise ValueError("weak_minty must be None for a solver on sets, got a number. Leave out the projections.")
    if not constrained:  # on sets the field need not vanish at the equilibrium
        residuals["field"] = [(_unit(size, size - 2),) * PLAYERS]
        residuals["best field"] = [(_unit(size, query.answer),) * PLAYERS for query in queries]
    if measure not in residuals:
        where = " on sets" if constrained else ""
        raise ValueError(f"measure must be one of {sorted(residuals)}{where}, got {measure!r}.")
    if measure == "field":
        queries.append(Query(None, last, size - 2))
    found = _smallest(_posed(fields.scaled(), queries, residuals[measure], constrained))
    return found._replace(bound=found.bound * fields.unit**2) if measure.endswith("field") else found


def _posed(fields: FieldClass, queries: list[Query], residuals: list[Vectors], constrained: set[int]) -> list[_Problem]:
    """Return the problem of each player; ``constrained`` are the players on sets."""
    size = len(residuals[0][0])
    resting = tuple(_unit(size, size - 1) * (player in constrained) for player in range(PLAYERS))
    forms = of_fields(fields, _values(queries, resting))
    for player in constrained:
        forms += of_normals(_normals(queries, resting, player))
    is_field = np.isin(np.arange(size), [query.answer for query in queries if query.player is None])
    constants = [(resting[player] + is_field) * (player in constrained) for player in range(PLAYERS)]
    return [_problem(residuals, forms, constant, player) for player, constant in enumerate(constants)]


def _check_translates(steps: Steps) -> None:
    """Raise unless a run that starts elsewhere makes the same moves there if the field moves along."""
    shift = np.zeros(steps.rows[0].shape[1])
    shift[: steps.given] = 1
    queries = [query for asked in steps.queries for query in asked]
    shift[[query.answer for query in queries if query.player is not None]] = 1
    points = [query.point[i] for query in queries for i in range(PLAYERS) if query.player in (None, i)]
    if any(abs(point @ shift - 1) > steps.tolerance for point in [*points, *steps.rows[-1]]):
        raise moved()


def _values(queries: list[Query], resting: Vectors) -> list[Value]:
    """Return the values of the field, with the one at the equilibrium."""
    asked = [Value(q.point, (_unit(len(resting[0]), q.answer),) * PLAYERS) for q in queries if q.player is None]
    return [Value(tuple(map(np.zeros_like, resting)), resting), *asked]


def _normals(queries: list[Query], resting: Vectors, player: int) -> list[Value]:
    """Return the points of a player's set that are known, with a normal vector at each."""
    zero, size = np.zeros_like(resting[player]), len(resting[player])
    # At the equilibrium minus the field is a normal vector; the start is in the set.
    pairs = [(zero, -resting[player]), (_unit(size, 0), zero)]
    projected = [(query.point[player], _unit(size, query.answer)) for query in queries if query.player == player]
    pairs += [(point, asked - point) for asked, point in projected]
    only = lambda vector: tuple(vector * (i == player) for i in range(PLAYERS))
    return [Value(only(point), only(normal)) for point, normal in pairs]


def _problem(residuals: list[Vectors], forms: list[Form], constant: np.ndarray, player: int) -> _Problem:
    """Return the matrices of one player, without the coefficients that occur in none of them."""
    stack = np.stack([form[player] for form in forms])
    squares = np.stack([square(residual)[player] for residual in residuals])
    matrices = (squares, np.diag(_unit(len(constant), 0)), stack)
    used = np.flatnonzero(sum(np.abs(np.atleast_3d(matrix.T)).sum(axis=(1, 2)) for matrix in matrices))
    basis = scipy.linalg.null_space(constant[None, used]) if constant.any() else np.eye(len(used))
    squares, start, inequalities = (basis.T @ matrix[..., used, :][..., used] @ basis for matrix in matrices)
    cross = stack[:, used][..., used] @ constant[used] @ basis
    return _Problem(squares, start, inequalities, cross if constant.any() else cross[:, :0])


def _smallest(problems: list[_Problem]) -> ResidualBound:
    """Return the smallest bound whose proof holds: ``shares residuals + weights forms <= bound start``."""
    cp = cvxpy("worst_case_residual")
    bound, slack = cp.Variable(), cp.Parameter(nonneg=True)
    weights = cp.Variable(len(problems[0].forms), nonneg=True)
    portions = cp.Variable(len(problems[0].residuals), nonneg=True)
    cross = np.hstack([problem.cross for problem in problems])
    constraints = [cp.sum(portions) == 1, *([cross.T @ weights == 0] if cross.size else [])]
    for problem in problems:
        proof = summed(cp, portions, problem.residuals) + summed(cp, weights, problem.forms)
        constraints.append(proof + slack * np.eye(len(problem.start)) << bound * problem.start)
    program = cp.Problem(cp.Minimize(bound), constraints)
    for slack.value in MARGINS:
        if not solved(cp, program):
            continue
        multipliers, proved = np.maximum(weights.value, 0), float(bound.value)
        shares = np.maximum(portions.value, 0) / np.maximum(portions.value, 0).sum()
        if cross.size:
            multipliers = _balanced(multipliers, cross)
        margin = -max(
            largest_eigenvalue(
                np.tensordot(shares, residuals, axes=1) + np.tensordot(multipliers, forms, axes=1) - proved * start
            )
            for residuals, start, forms, _ in problems
        )
        left = np.abs(multipliers @ cross).max(initial=0)
        if exceeds_rounding(margin, multipliers) and not exceeds_rounding(left, multipliers):
            return ResidualBound(proved, multipliers, shares, margin)
    raise ValueError(
        "num_steps, mu and L must have a bound that can be proved, got none. Use fewer or smaller steps, or give L."
    )


def _balanced(weights: np.ndarray, cross: np.ndarray) -> np.ndarray:
    """Return nonnegative weights whose products with constant fields cancel, by small relative changes."""
    for _ in range(BALANCING):
        relative = weights[:, None] * cross
        change = np.linalg.lstsq(relative.T, relative.sum(axis=0), rcond=1e-12)[0]
        weights = np.maximum(weights * (1 - change), 0)
    return weights


def _wide(query: Query, size: int) -> Query:
    return query._replace(point=tuple(_padded(point, size) for point in query.point))


def _padded(vector: np.ndarray, size: int) -> np.ndarray:
    return np.pad(vector, (0, size - len(vector)))


def _unit(size: int, index: int) -> np.ndarray:
    return np.eye(1, size, index)[0]
