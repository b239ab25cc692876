"""Named solvers with a linear solve in each step, beside `cgd` and `acgd`, and the first term of their series."""

import optax

from gamesolve import linear, transforms
from gamesolve.solver import parametric
from gamesolve.transforms import rates


@parametric
def proximal(
    learning_rate: rates.Rates,
    iterations: int = 1,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Proximal point method by Newton's iteration: one iteration is the linearised implicit step.

    ``w = z + E v(w)``, Newton's iteration started at ``w = z``; one iteration is ``z + (I - E J)^-1 E v``. Systems of
    more than `linear.DENSE_LIMIT` unknowns are solved by `linear.solve_symmetric` in zero-sum games, whose J is
    symmetric but for signs, and by `linear.solve_general` in others.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        iterations: number of Newton steps.
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


@parametric
def newton(
    learning_rate: rates.Rates = 1.0,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Newton's method for a zero of the field, of whatever kind.

    One step is ``z - E J^-1 v``; the systems are solved as those of `proximal` are.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        inner: how to do the linear solve, see `linear.Inner`.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.icr_quadratic(), gs.newton(), (1.0, 2.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.0, 0.0]

    Reference:
        Any text on numerical analysis; in games it attracts to every zero, also where no player is content.
    """
    return optax.chain(transforms.newton(inner), transforms.descend(learning_rate))


@parametric
def levenberg_marquardt(
    learning_rate: rates.Rates = 1.0,
    damping: float = 1.0,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Levenberg-Marquardt for a zero of the field: Newton's method, damped.

    One step is ``z - E (J^T J + damping I)^-1 J^T v``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        damping: positive; in squared units of J.
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


@parametric
def lss(
    learning_rate: rates.Rates,
    regularisation: float = 1e-4,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformation:
    """Local symplectic surgery: near zeros of the field it follows the symmetric part of the Jacobian alone.

    One step is ``z + E/2 (v + J^T (J^T J + l I)^-1 J^T v)``, ``l = regularisation (1 - exp(-||v||^2))``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        regularisation: size of l far from zeros of the field.
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
