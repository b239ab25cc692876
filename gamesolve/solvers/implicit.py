"""Implicit and Newton steps: solve a linear system with the whole Jacobian in each step."""

import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.solvers.entry import Cost, declare
from gamesolve.transforms import rates

__all__ = ["lazy_extra_newton", "levenberg_marquardt", "lss", "newton", "proximal"]


@declare(formula="z + (I - E J)⁻¹ E v", paper="Rockafellar 1976", cost=Cost(jvps=3, jvps_per_iteration=1))
@parametric
def proximal(
    learning_rate: rates.Rates,
    iterations: int = 1,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Solve for the implicit step by Newton's method: the proximal point method.

    The step ``w = z + E v(w)`` is solved by Newton's iteration from ``w = z``; one iteration, the linearised implicit
    step, is ``z + (I - E J)^-1 E v``. Systems of more than ``inner.dense_limit`` unknowns are solved by
    `linear.solve_symmetric` in zero-sum games, whose J is symmetric up to signs, and by `linear.solve_general` in
    others.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        iterations: number of Newton iterations per step. Default: 1.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.proximal(1.0), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Rockafellar, "Monotone Operators and the Proximal Point Algorithm", SIAM J. Control Optim. 1976.
    """
    step = transforms.proximal(learning_rate, iterations, None, inner)
    return optax.chain(step, transforms.descend(learning_rate))


@declare(formula="z - E J⁻¹ v", paper="Newton 1669, Raphson 1690", cost=Cost(jvps=3, jvps_per_iteration=1))
@parametric
def newton(
    learning_rate: rates.Rates = 1.0,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Find a zero of the field of any kind by Newton's method.

    One step is ``z - E J^-1 v``; its systems are solved as those of `proximal`.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.icr_quadratic(), gs.newton(), (1.0, 2.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.0, 0.0]

    Reference:
        Any text on numerical analysis; in games it is attracted to every zero of the field, including zeros at which
        no player's payoff is at a maximum.
    """
    return optax.chain(transforms.newton(inner), transforms.descend(learning_rate))


@declare(
    formula="z - E (JᵀJ + μ I)⁻¹ Jᵀ v",
    paper="Levenberg 1944; Marquardt 1963",
    cost=Cost(jvps=2, vjps=3, jvps_per_iteration=1, vjps_per_iteration=1),
)
@parametric
def levenberg_marquardt(
    learning_rate: rates.Rates = 1.0,
    damping: float = 1.0,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Find a zero of the field by damped Newton steps: the Levenberg-Marquardt method.

    One step is ``z - E (J^T J + damping I)^-1 J^T v``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        damping: positive number, in squared units of J. Default: 1.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.levenberg_marquardt(), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944; Marquardt 1963.
    """
    step = transforms.levenberg_marquardt(damping, inner)
    return optax.chain(step, transforms.descend(learning_rate))


@declare(
    formula="z + E/2 (v + Jᵀ (JᵀJ + λ I)⁻¹ Jᵀ v)",
    paper="Mazumdar, Jordan, Sastry 2019",
    cost=Cost(jvps=2, vjps=4, jvps_per_iteration=1, vjps_per_iteration=1),
)
@parametric
def lss(
    learning_rate: rates.Rates,
    regularisation: float = 1e-4,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Follow only the symmetric part of the Jacobian near zeros of the field: local symplectic surgery.

    One step is ``z + E/2 (v + J^T (J^T J + l I)^-1 J^T v)`` with ``l = regularisation (1 - exp(-||v||^2))``.

    Args:
        learning_rate: step size E, see `transforms.rates`.
        regularisation: limit of l far from zeros of the field. Default: 1e-4.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.lss(0.5, regularisation=0.0), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [1.0, 0.0]

    Reference:
        Mazumdar, Jordan, Sastry, "On Finding Local Nash Equilibria (and Only Local Nash Equilibria) in Zero-Sum
        Games", 2019, https://arxiv.org/abs/1901.00838
    """
    step = transforms.lss(regularisation, inner)
    return optax.chain(step, transforms.descend(learning_rate))


@declare(
    formula="z + E v(z - s) / λ with (λ I - J) s = -v and λ = M ||s||, J of the last multiple of m steps",
    paper="Chen, Liu, Zhang 2025",
    cost=Cost(fields=2, jvps_per_iteration=1),
    arguments={"regularisation": 1.0, "period": 2},
    rated=False,
)
@parametric
def lazy_extra_newton(
    learning_rate: rates.Rates = 1.0, regularisation: float = 1.0, period: int = 1
) -> optax.GradientTransformation:
    """Find an equilibrium of a monotone game by extragradient behind cubic-regularised Newton steps: LEN.

    ``(lambda I - J) s = -v`` with ``lambda = M ||s||``, then the step is ``z + E v(z - s) / lambda``. Every ``period``
    steps J is computed as a dense matrix, by one product per parameter, and reduced to Hessenberg form; each of
    about five systems for lambda then takes O(n^2). With M proportional to ``period`` and to the Lipschitz constant
    R of J, it needs O(eps^(-2/3)) steps for an accuracy eps; the paper's theory has M = 3 period R, its experiments
    M = period R. With ``period=1`` it is the Newton proximal extragradient method.

    With ``learning_rate=1`` the step differs from ``-s`` by ``(||s|| / 2 + ||z - z_J||) / period`` at most, with z_J
    the players of the last Jacobian: a larger difference is cut to that length. If M is at least period R, only
    rounding errors are larger. If M is smaller, the step can differ from the formula.

    Args:
        learning_rate: share E of the step, see `transforms.rates`. Default: 1, the method of the paper.
        regularisation: M, positive. Default: 1.
        period: number of steps m that use one Jacobian. Default: 1.

    Returns:
        The solver. Its state holds two dense matrices, in ``ahead`` the end ``z - s`` of the last Newton step, whose
        residual is far smaller near the equilibrium, and in ``iterations`` the products of the last step.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: abs(x) ** 3 / 6 + x * y - y)
        >>> solution = gs.solve(game, gs.lazy_extra_newton(period=2), (0.0, 0.0), 100, tol=1e-5)
        >>> [round(float(player), 2) for player in solution.players]
        [1.0, -0.5]

    Reference:
        Chen, Liu, Zhang, "Second-Order Min-Max Optimization with Lazy Hessians", ICLR 2025,
        https://arxiv.org/abs/2410.09568
    """
    step = transforms.lazy_extra_newton(regularisation, period)
    return optax.chain(step, transforms.descend(learning_rate))
