"""Named solvers with a linear solve in each step, beside `cgd` and `acgd`, and the first term of their series."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from gamesolve import rates, transforms
from gamesolve.parametric import parametric


@parametric
def lcgd(
    learning_rate: rates.Rates,
) -> optax.GradientTransformation:
    """Linearised competitive gradient descent: the first term of `cgd`'s series.

    One step is ``z + E v + E J_o E v``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.

    Returns:
        The solver.

    Example:
        >>> import gamesolve as gs
        >>> solution = gs.solve(gs.games.curl(), gs.lcgd(0.5), (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.75, 0.5]

    Reference:
        Schaefer, Anandkumar, "Competitive Gradient Descent", NeurIPS 2019, https://arxiv.org/abs/1905.12103
    """
    return optax.chain(transforms.anticipate(learning_rate), transforms.descend(learning_rate))


@parametric
def competitive_mirror_descent(
    learning_rate: rates.Rates,
    potentials: Any,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Competitive mirror descent: `cgd` in the players' own geometries.

    The local bilinear game takes the Hessians of the potentials as its metric, and the step is taken in dual
    variables: ``z <- primal(dual(z) + E w)`` with ``(I - J_o D) w = v``, ``D = E / Hessian(z)``. On the simplex the
    dual variables are centred, so that a constant added to a payoff changes nothing.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        potentials: a geometry such as ``transforms.entropy()`` for all players, or a tuple with one per player.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

    Returns:
        The solver; its state reports the last solve, see `transforms.competitive`.

    Example:
        >>> import gamesolve as gs
        >>> solver = gs.competitive_mirror_descent(1.0, gs.transforms.squared_distance())
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [round(float(player), 6) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Schaefer, Anandkumar, Owhadi, "Competitive Mirror Descent", 2020, https://arxiv.org/abs/2006.10179
    """
    direction = transforms.competitive(learning_rate, None, tolerance, max_iterations, forcing, potentials)
    back = _divided_by(transforms.potential_metric(potentials))
    return optax.chain(direction, back, transforms.mirror(learning_rate, potentials))


@parametric
def proximal(
    learning_rate: rates.Rates,
    iterations: int = 1,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Proximal point method by Newton's iteration: one iteration is the linearised implicit step.

    ``w = z + E v(w)``, Newton's iteration started at ``w = z``; one iteration is ``z + (I - E J)^-1 E v``. Systems of
    more than `linear.DENSE_LIMIT` unknowns are solved by `linear.solve_symmetric` in zero-sum games, whose J is
    symmetric but for signs, and by `linear.solve_general` in others.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        iterations: number of Newton steps.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000, in zero-sum
            games, and `linear.ITERATIONS` in others.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

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
    step = transforms.proximal(learning_rate, iterations, None, tolerance, max_iterations, forcing)
    return optax.chain(step, transforms.descend(learning_rate))


@parametric
def newton(
    learning_rate: rates.Rates = 1.0,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Newton's method for a zero of the field, of whatever kind.

    One step is ``z - E J^-1 v``; the systems are solved as those of `proximal` are.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000, in zero-sum
            games, and `linear.ITERATIONS` in others.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

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
    return optax.chain(transforms.newton(tolerance, max_iterations, forcing), transforms.descend(learning_rate))


@parametric
def levenberg_marquardt(
    learning_rate: rates.Rates = 1.0,
    damping: float = 1.0,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Levenberg-Marquardt for a zero of the field: Newton's method, damped.

    One step is ``z - E (J^T J + damping I)^-1 J^T v``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        damping: positive; in squared units of J.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

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
    step = transforms.levenberg_marquardt(damping, tolerance, max_iterations, forcing)
    return optax.chain(step, transforms.descend(learning_rate))


@parametric
def lss(
    learning_rate: rates.Rates,
    regularisation: float = 1e-4,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformation:
    """Local symplectic surgery: near zeros of the field it follows the symmetric part of the Jacobian alone.

    One step is ``z + E/2 (v + J^T (J^T J + l I)^-1 J^T v)``, ``l = regularisation (1 - exp(-||v||^2))``.

    Args:
        learning_rate: step size E: a number, an optax schedule, an array, or a tuple with one of those per player.
        regularisation: size of l far from zeros of the field.
        tolerance: relative tolerance of the inner solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000.
        forcing: loosen the tolerance to this times the norm of the field, where that is larger (at most to
            `linear.ACCEPTED_RESIDUAL`): loose far from an equilibrium, exact near one. None for exact solves.

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
    step = transforms.surgery(regularisation, tolerance, max_iterations, forcing)
    return optax.chain(step, transforms.descend(learning_rate))


def _divided_by(metric: optax.GradientTransformation) -> optax.GradientTransformation:
    """Divide by a metric's diagonal: the mirror step wants the dual direction. On a boundary both are zero."""

    def divide(updates: Any, players: Any) -> Any:
        diagonal, _ = metric.update(updates, metric.init(players), players)
        return jax.tree.map(lambda u, d: jnp.where(d > 0, u / jnp.where(d > 0, d, 1), 0), updates, diagonal)

    return optax.stateless(divide)
