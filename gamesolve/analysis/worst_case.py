"""Certified convergence rates: a bound for all games of a class, and the linear game that comes closest to it."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import optax
import scipy.optimize

from gamesolve.analysis.field_class import check_scalar, field_class
from gamesolve.analysis.flat_step import made
from gamesolve.analysis.lifted_step import Space, lifted_step
from gamesolve.analysis.semidefinite import cvxpy, exceeds_rounding, largest_eigenvalue, solved, summed
from gamesolve.analysis.tuning import Best
from gamesolve.analysis.worst_game import linear_game, slowest
from gamesolve.checks import whole_number
from gamesolve.game import Game
from gamesolve.solver import as_solver
from gamesolve.trees import Scalar
from gamesolve.trees.faces import shown

# Distance to which rates are found, and the largest rate of the search.
RESOLUTION, LARGEST = 1e-6, 100.0
# For `best_certified_step`: the relative accuracy, and the factor between the first step sizes.
STEP_ACCURACY, SHRINK = 1e-3, 4.0
# Its smallest and largest step size, in units of 1 / L: the rates of smaller steps are above 1 - RESOLUTION, and the
# coefficients of larger ones are rounded.
SMALLEST, GREATEST = 1e-6, 1e8


@shown()
class WorstCase(NamedTuple):
    """The result of `certify`.

    Attributes:
        rate: the certified rate: ``|z_k - z*| <= C rate^k |z_0 - z*|`` on every game of the class, with one C for all.
            On sets the field at z* adds to the distance on the right. Above 1 the rate bounds the growth.
        lower: the rate on ``game``; no certificate can be smaller.
        game: the linear game of two numbers in the class on which the solver is slowest, found by a search.
        lyapunov: matrix P of the Lyapunov function of each player, one if both are equal. It takes the player, its
            memory and the fields of all steps but the last, in units in which L and the memory's coefficients are 1.
        multipliers: nonnegative weights of the inequalities of the class: for the decrease, and for positivity.
        margin: the Lyapunov function decreases and is positive by at least this share of the squared norms.
    """

    rate: float
    lower: float
    game: Game
    lyapunov: tuple[np.ndarray, ...]
    multipliers: tuple[np.ndarray, np.ndarray]
    margin: float


class _Proof(NamedTuple):
    """The last three fields of `WorstCase`."""

    lyapunov: tuple[np.ndarray, ...]
    multipliers: tuple[np.ndarray, np.ndarray]
    margin: float


_Prove = Callable[[float], _Proof | None]


def certify(
    solver: optax.GradientTransformation,
    *,
    mu: float,
    L: float,
    cocoercivity: float = 0.0,
    horizon: int = 2,
    rate: float | None = None,
) -> WorstCase:
    """Prove a convergence rate of a first-order solver for all games of a class.

    The class holds all games of two players, of any size, whose loss field ``F = -v`` is mu-strongly monotone and
    L-Lipschitz. Steps of the solver run on a field that answers with random vectors, which shows their coefficients.
    A semidefinite program then looks for a quadratic Lyapunov function that decreases by the factor ``rate^2`` in each
    step. The proof is checked with NumPy, without the solver of the program.

    The proof holds for all steps that are like those that were run. These are steps of players that are vectors or
    matrices, at scales from 1e-6 to 1e6, a few steps after the start and 1, 10, ..., 10^6 steps later. Other changes go
    unnoticed: a schedule that changes and returns between those counts, a part that depends on the names or the number
    of the players' leaves or on more than two axes, or a clip far above fields of size 1e5 L.

    Args:
        solver: a solver or any optax transformation, whose step is linear in the fields at linear combinations of
            points. For sets pass `any_set` as its projections.
        mu: modulus of strong monotonicity, above zero.
        L: Lipschitz constant of the field.
        cocoercivity: the largest beta with ``<F(a) - F(b), a - b> >= beta |F(a) - F(b)|^2``; 1 / L if F is a gradient.
            Default: 0, which says nothing.
        horizon: number of steps whose fields are related to each other; more may prove a smaller rate. Default: 2.
        rate: rate to prove. Default: the smallest one, to 1e-6 or to the accuracy of the program, usually 1e-5.

    Returns:
        The `WorstCase`.

    Raises:
        ImportError: if cvxpy or clarabel is not installed.
        ValueError: if the solver is not first order with fixed steps, if the class is empty, or if ``rate`` is not
            proved.

    Example:
        >>> import gamesolve as gs
        >>> worst = gs.analysis.certify(gs.extragradient(0.5), mu=0.1, L=1.0)
        >>> round(worst.rate, 4), round(worst.lower, 4)
        (0.9527, 0.9525)
        >>> value = gs.analysis.rate(worst.game, gs.extragradient(0.5), (0.0, 0.0))
        >>> round(float(value), 4)
        0.9525

    Reference:
        Lessard, Recht, Packard, "Analysis and Design of Optimization Algorithms via Integral Quadratic Constraints",
        SIAM J. Optim. 2016, https://arxiv.org/abs/1408.3595; Taylor, Van Scoy, Lessard, "Lyapunov Functions for
        First-Order Methods", ICML 2018, https://arxiv.org/abs/1803.06073
    """
    check_scalar("mu", mu, above=0.0)
    check_scalar("L", L, above=0.0)
    if rate is not None:
        check_scalar("rate", rate, above=0.0)
    fields = field_class(mu, L, cocoercivity)
    lifted = lifted_step(as_solver(solver), fields, whole_number("horizon", horizon, 1))
    linear = slowest(lifted, fields.scaled())
    prove = _prover(lifted.spaces)
    proof = None if rate is None or rate < linear.rate else prove(rate)
    if rate is None or proof is None:
        smallest, proof = _smallest(prove, linear.rate)
        if rate is not None:
            raise ValueError(
                f"rate must be at least {smallest:.6f}, the smallest that this certificate proves, got {rate}. The "
                f"solver has rate {linear.rate:.6f} on a linear game of the class."
            )
        rate = smallest
    return WorstCase(float(rate), linear.rate, linear_game(fields.unit * linear.matrix), *proof)


def best_certified_step(
    make_solver: Callable[[Scalar], optax.GradientTransformation],
    *,
    mu: float,
    L: float,
    cocoercivity: float = 0.0,
    upper: float | None = None,
) -> Best:
    """Return the step size with the smallest certified rate over all games of a class.

    The step size shrinks from ``upper`` by factors of 4 until its rate increases. The search for the minimum around
    there assumes that there is only one. It takes some twenty certificates.

    Args:
        make_solver: ``make_solver(step)`` returns the solver.
        mu: modulus of strong monotonicity, see `certify`.
        L: Lipschitz constant of the field.
        cocoercivity: see `certify`. Default: 0.
        upper: largest step size of the search, up to 1e8 / L. Default: 2 / L.

    Returns:
        The `Best`, without other hyperparameters.

    Raises:
        ImportError: if cvxpy or clarabel is not installed.
        ValueError: as for `certify`, or if no step size has a certified rate below 1.

    Example:
        >>> import gamesolve as gs
        >>> best = gs.analysis.best_certified_step(gs.simgd, mu=0.5, L=1.0)
        >>> round(best.step, 2), round(best.rate, 3)     # mu / L^2, and sqrt(1 - mu^2 / L^2)
        (0.5, 0.866)
    """
    check_scalar("L", L, above=0.0)
    upper = 2 / field_class(mu, L, cocoercivity).L if upper is None else upper
    check_scalar("upper", upper, above=0.0, most=GREATEST / L)

    def certified(exponent: float) -> float:
        try:
            return certify(made(make_solver, math.exp(exponent)), mu=mu, L=L, cocoercivity=cocoercivity).rate
        except _NoCertificateError:
            return math.inf

    low, high = _bracket(certified, math.log(SMALLEST / L), math.log(upper))
    options = {"xatol": STEP_ACCURACY}
    found = scipy.optimize.minimize_scalar(certified, bounds=(low, high), method="bounded", options=options)
    if found.fun >= 1:
        raise ValueError(
            f"make_solver must have a step size up to {upper:g} with a certified rate below 1, got {found.fun:.6f} as "
            "the smallest rate. Use another solver, or a class with a larger mu / L."
        )
    return Best(math.exp(found.x), (), float(found.fun))


class _NoCertificateError(ValueError):
    """The error of a solver without a certificate, which is a rate of infinity in a search."""


def _bracket(certified: Callable[[float], float], lowest: float, highest: float) -> tuple[float, float]:
    """Return a range around the minimum of a function, which is first passed on the way down from the highest value."""
    shrink = math.log(SHRINK)
    exponent, rate = highest, certified(highest)
    while exponent > lowest and (smaller := certified(exponent - shrink)) <= rate:
        exponent, rate = exponent - shrink, smaller
    return exponent - shrink, min(exponent + shrink, highest)


def _smallest(prove: _Prove, lower: float) -> tuple[float, _Proof]:
    """Return the smallest rate that is proved and its proof; often it is just above the lower bound."""
    low, gap = lower, RESOLUTION
    while (proof := prove(low + gap)) is None:
        low, gap = low + gap, 4 * gap
        if low > LARGEST:
            raise _NoCertificateError(
                f"solver must have a certificate with a rate up to {LARGEST:.0f}, got none. Use smaller steps."
            )
    high = low + gap
    while high - low > RESOLUTION:
        middle = (low + high) / 2
        better = prove(middle)
        low, high, proof = (middle, high, proof) if better is None else (low, middle, better)
    return high, proof


def _prover(spaces: tuple[Space, ...]) -> _Prove:
    """Return the function that looks for the proof of a rate; one program serves all rates."""
    cp = cvxpy("certify")
    squared, margin = cp.Parameter(nonneg=True), cp.Variable()
    weights = [cp.Variable(len(spaces[0].forms), nonneg=True) for _ in range(2)]
    matrices = [cp.Variable((len(space.before),) * 2, symmetric=True) for space in spaces]
    constraints = []
    for space, P in zip(spaces, matrices, strict=True):
        slack = margin * np.eye(space.before.shape[1])
        sums = [summed(cp, weight, space.forms) for weight in weights]
        now, following = _lyapunov(space, P)
        constraints += [following + sums[0] + slack << squared * now, sums[1] + slack << now]
        constraints += [P << np.eye(len(space.before))]
    problem = cp.Problem(cp.Maximize(margin), constraints)

    def prove(rate: float) -> _Proof | None:
        squared.value = rate**2
        if not solved(cp, problem):
            return None
        found = tuple((P.value + P.value.T) / 2 for P in matrices)
        decrease, positivity = (np.maximum(weight.value, 0) for weight in weights)
        left = min(_margin(space, P, rate, decrease, positivity) for space, P in zip(spaces, found, strict=True))
        proof = _Proof(found, (decrease, positivity), left)
        return proof if exceeds_rounding(left, *proof.multipliers) else None

    return prove


def _margin(space: Space, P: np.ndarray, rate: float, decrease: np.ndarray, positivity: np.ndarray) -> float:
    """Return the margin by which the two inequalities of a proof hold."""
    now, following = _lyapunov(space, P)
    sums = [np.tensordot(weight, space.forms, axes=1) for weight in (decrease, positivity)]
    return -max(map(largest_eigenvalue, (following + sums[0] - rate**2 * now, sums[1] - now)))


def _lyapunov(space: Space, P: Any) -> tuple[Any, Any]:
    """Return the Lyapunov function before and after the step, as matrices or as expressions of cvxpy."""
    return space.before.T @ P @ space.before, space.after.T @ P @ space.after
