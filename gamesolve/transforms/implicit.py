"""Parts that solve a linear system in the whole Jacobian: implicit steps, Newton steps, surgery."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.checks import check_number
from gamesolve.game import Game, Players
from gamesolve.linear.report import Settings, certified, combined, failed, settings
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import inner, minus, negative, plus, remembering, times, where


@parametric
def proximal(
    eta: rates.Rates,
    iterations: int = 1,
    metric: Any = None,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``P (I - J D)^-1 u`` with ``D = eta P``: the linearised implicit step.

    More iterations are Newton steps on the implicit equation ``w = players + D v(w)``, with J taken at the newest
    ``w``. Where a solve fails (true relative residual above `linear.ACCEPTED_RESIDUAL`) the step uses ``P u``.

    Args:
        eta: the players' step sizes: a number, a schedule, an array, or a tuple with one of those per player.
        iterations: number of Newton steps.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`; None for the identity.
        tolerance: relative tolerance of the solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000, in zero-sum
            games, and `linear.ITERATIONS` in others.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.proximal(1.0), optax.sgd(1.0))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.5]

    Reference:
        Rockafellar, "Monotone Operators and the Proximal Point Algorithm", SIAM J. Control Optim. 1976.
    """
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; it must be at least 1.")
    solving = settings(tolerance, max_iterations, forcing)

    def formula(game: Game, players: Players, u: Any, diagonal: Any, step: Any, last: Any) -> tuple[Any, Any]:
        scaled = lambda q: times(diagonal, rates.times(step, q, "eta"))
        uniform = diagonal is None and not isinstance(step, tuple) and jnp.ndim(step) == 0
        limit, solve = solving.relative(u), _method(game, None if uniform else scaled)

        def solved(at: Players, rhs: Players, last: linear.Report) -> tuple[Any, linear.Report]:
            product = products.forward(game, at)
            operate = lambda w: minus(w, product(scaled(w)))
            return certified(solve, operate, rhs, last, limit, max_iterations)

        q, report = solved(players, u, last)
        explicit = failed(report)
        q = where(explicit, u, q)
        for _ in range(iterations - 1):
            w = minus(players, scaled(q))
            rhs = negative(plus(q, game.gradients(w)))
            change, correcting = solved(w, rhs, report._replace(solution=optax.tree.zeros_like(q)))
            # A right-hand side of rounding errors can't be solved to any relative accuracy, nor need it be: what is
            # reported is the residual that is left, all of it where a correction is dropped, beside the first one.
            idle = explicit | failed(correcting)
            left = optax.tree.scale(jnp.where(idle, 1, correcting.residual), rhs)
            beside = linear.certify(report, report.solution, correcting.iterations, left, u, limit)
            report = combined(report, beside)
            q = where(idle, q, plus(q, change))
        return times(diagonal, q), report

    return remembering("proximal", eta, linear.empty_report, formula, metric)


@parametric
def newton(
    tolerance: float | None = None, max_iterations: int | None = None, forcing: float | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-J^-1 u``: Newton's direction for ``v = 0``, towards any zero of the field.

    Args:
        tolerance: relative tolerance of the solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations; by default ten times the unknowns, at most 1000, in zero-sum
            games, and `linear.ITERATIONS` in others.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.newton(), optax.sgd(1.0))
        >>> [float(player) for player in gs.solve(gs.games.icr_quadratic(), solver, (1.0, 2.0), 1).players]
        [0.0, 0.0]
    """
    solving = settings(tolerance, max_iterations, forcing)

    def system(game: Game, players: Players, u: Players) -> Any:
        return _method(game), products.forward(game, players), negative(u)

    return _solving("newton", system, lambda u, y, pull: y, solving)


@parametric
def levenberg_marquardt(
    damping: float, tolerance: float | None = None, max_iterations: int | None = None, forcing: float | None = None
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-(J^T J + damping I)^-1 J^T u``: between Newton's direction and the Hamiltonian's descent.

    Args:
        damping: positive; in squared units of J.
        tolerance: relative tolerance of the solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.levenberg_marquardt(1.0), optax.sgd(1.0))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [0.5, 0.0]

    Reference:
        Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944; Marquardt 1963.
    """
    check_number("damping", damping, above=0.0)
    solving = settings(tolerance, max_iterations, forcing)

    def system(game: Game, players: Players, u: Players) -> Any:
        operate, pull = _normal_equations(game, players, damping)
        return linear.conjugate_gradients, operate, negative(pull(u))

    return _solving("levenberg_marquardt", system, lambda u, y, pull: y, solving)


@parametric
def surgery(
    regularisation: float = 1e-4,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    forcing: float | None = None,
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(u + J^T (J^T J + l I)^-1 J^T u) / 2`` with ``l = regularisation (1 - exp(-||u||^2))``.

    Near a zero of the field the direction is that of the symmetric part of J alone, so that in zero-sum games only
    local Nash equilibria attract. Matrix-free, by conjugate gradients on the normal equations.

    Args:
        regularisation: size of l far from zeros of the field.
        tolerance: relative tolerance of the solve; by default 1e-12 in float64 and 1e-6 in float32.
        max_iterations: limit on its Krylov iterations.
        forcing: loosen the tolerance to this times the norm of u, where that is larger.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.surgery(0.0), optax.sgd(0.5))
        >>> [float(player) for player in gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1).players]
        [1.0, 0.0]

    Reference:
        Mazumdar, Jordan, Sastry, "On Finding Local Nash Equilibria (and Only Local Nash Equilibria) in Zero-Sum
        Games", 2019, https://arxiv.org/abs/1901.00838
    """
    check_number("regularisation", regularisation)
    solving = settings(tolerance, max_iterations, forcing)

    def system(game: Game, players: Players, u: Players) -> Any:
        shift = regularisation * -jnp.expm1(-inner(u, u))
        operate, pull = _normal_equations(game, players, shift)
        return linear.conjugate_gradients, operate, pull(u)

    return _solving("surgery", system, lambda u, y, pull: optax.tree.scale(0.5, plus(u, pull(y))), solving)


def _solving(
    name: str, system: Callable[..., Any], finish: Callable[..., Any], solving: Settings
) -> optax.GradientTransformationExtraArgs:
    """Return the part whose direction is ``finish`` of the solution of a system; u itself where the solve fails."""

    def formula(game: Game, players: Players, u: Any, _: Any, __: Any, last: linear.Report) -> tuple[Any, Any]:
        solve, operate, rhs = system(game, players, u)
        y, report = certified(solve, operate, rhs, last, solving.relative(u), solving.max_iterations)
        better = finish(u, y, products.transposed(game, players))
        return where(failed(report), u, better), report

    return remembering(name, (), linear.empty_report, formula)


def _method(game: Game, weigh: Any = None) -> Callable[..., Any]:
    """Return the solve for systems in J, or in ``I - J D`` where ``weigh`` multiplies by the diagonal D."""
    if game.is_zero_sum:
        return partial(linear.solve_symmetric, mirror=products.mirror, weigh=weigh)
    return linear.solve_general


def _normal_equations(game: Game, players: Players, shift: Any) -> tuple[Any, Any]:
    push, pull = products.forward(game, players), products.transposed(game, players)
    return lambda y: plus(pull(push(y)), rates.times(shift, y)), pull
