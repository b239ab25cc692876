"""Parts that solve a linear system in the whole Jacobian: implicit steps, Newton steps, symplectic surgery."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax

from gamesolve import linear, products
from gamesolve.checks import check_number
from gamesolve.linear import krylov
from gamesolve.linear.krylov import Operator
from gamesolve.linear.report import certified, check_inner, combined
from gamesolve.solver import parametric
from gamesolve.transforms import rates
from gamesolve.transforms._base import Step, part
from gamesolve.transforms._origin import Origin
from gamesolve.trees import Players, Scalar, magnitude, norm

Solve = Callable[..., tuple[Players, jax.Array]]


@parametric
def proximal(
    eta: rates.Rates,
    iterations: int = 1,
    metric: optax.GradientTransformation | None = None,
    inner: linear.Inner = linear.Inner(),
) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``P (I - J D)^-1 u`` with ``D = eta P``: the linearised implicit step.

    Further iterations are Newton steps on the implicit equation ``w = players + D v(w)``, with J at the newest ``w``.
    If the first solve fails, the step uses ``P u``; if a later one fails, its correction is dropped.

    Args:
        eta: step sizes of the players, see `transforms.rates`.
        iterations: number of Newton steps.
        metric: transformation that maps u to the diagonal of P, such as `rms_metric`. Default: the identity.
        inner: how to do the solve, see `linear.Inner`.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.proximal(1.0), optax.sgd(1.0))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.5]

    Reference:
        Rockafellar, "Monotone Operators and the Proximal Point Algorithm", SIAM J. Control Optim. 1976.
    """
    if iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}.")
    check_inner(inner)

    def formula(step: Step, last: linear.Report) -> tuple[Players, linear.Report]:
        scaled = lambda q: step.metric(rates.times(step.rates, q, "eta"))
        uniform = step.diagonal is None and not isinstance(step.rates, tuple) and jnp.ndim(step.rates) == 0
        solve, tolerance = _method(step, inner, None if uniform else scaled), inner.relative_tolerance(step.u)

        def solved(at: Players, rhs: Players, last: linear.Report) -> tuple[Players, linear.Report]:
            product = products.forward(step.game, at)
            operator = lambda w: optax.tree.sub(w, product(scaled(w)))
            return certified(solve, operator, rhs, last, tolerance, inner.max_iterations, near_identity=True)

        q, report = solved(step.players, step.u, last)
        explicit = report.failed
        q = optax.tree.where(explicit, step.u, q)
        for _ in range(iterations - 1):
            w = optax.tree.sub(step.players, scaled(q))
            rhs = jax.tree.map(jnp.negative, optax.tree.add(q, step.game.gradients(w)))
            change, correcting = solved(w, rhs, report._replace(solution=optax.tree.zeros_like(q)))
            # A right-hand side of rounding errors cannot be solved to any relative accuracy, and need not be. So the
            # report has the residual that is left relative to u: all of the right-hand side if a correction is dropped.
            idle = explicit | correcting.failed
            left = optax.tree.scale(jnp.where(idle, 1, correcting.residual), rhs)
            beside = linear.certify(report, report.solution, correcting.iterations, left, step.u, tolerance)
            report = combined(report, beside)
            q = optax.tree.where(idle, q, optax.tree.add(q, change))
        return step.metric(q), report

    accepted = Origin.DIRECTION if iterations == 1 else Origin.GRADIENT  # later iterations look at the field again
    return part(
        "proximal",
        formula,
        eta,
        metric=metric,
        memory=linear.empty_report,
        accepts=accepted,
        returns=Origin.DIRECTION,
    )


@parametric
def newton(inner: linear.Inner = linear.Inner()) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-J^-1 u``: Newton's direction for ``v = 0``, towards any zero of the field.

    If the solve fails, u stays as it is.

    Args:
        inner: how to do the solve, see `linear.Inner`.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.newton(), optax.sgd(1.0))
        >>> solution = gs.solve(gs.games.icr_quadratic(), solver, (1.0, 2.0), 1)
        >>> [float(player) for player in solution.players]
        [0.0, 0.0]
    """

    def system(step: Step) -> tuple[Solve, Operator, Players]:
        product, v = products.forward(step.game, step.players), jax.tree.map(jnp.negative, step.u)
        return _method(step, inner), *linear.balanced(product, v)

    return _solving("newton", system, lambda step, y: y, inner)


@parametric
def levenberg_marquardt(damping: float, inner: linear.Inner = linear.Inner()) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``-(J^T J + damping I)^-1 J^T u``: between Newton's direction and Hamiltonian descent.

    If the solve fails, u stays as it is.

    Args:
        damping: positive number, in squared units of J.
        inner: how to do the solve, see `linear.Inner`.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.levenberg_marquardt(1.0), optax.sgd(1.0))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [0.5, 0.0]

    Reference:
        Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944; Marquardt 1963.
    """
    check_number("damping", damping, above=0.0)

    def system(step: Step) -> tuple[Solve, Operator, Players]:
        operator, rhs = _normal_equations(step, lambda size: damping / size / size)
        return linear.conjugate_gradients, operator, jax.tree.map(jnp.negative, rhs)

    return _solving("levenberg_marquardt", system, lambda step, y: y, inner)


@parametric
def lss(regularisation: float = 1e-4, inner: linear.Inner = linear.Inner()) -> optax.GradientTransformationExtraArgs:
    """Turn u into ``(u + J^T (J^T J + l I)^-1 J^T u) / 2`` with ``l = regularisation (1 - exp(-||u||^2))``.

    This is local symplectic surgery. Near a zero of the field the direction is that of the symmetric part of J alone,
    so in zero-sum games only local Nash equilibria are attracting. It is matrix-free, by conjugate gradients on the
    normal equations. If the solve fails, u stays as it is.

    Args:
        regularisation: value of l far from zeros of the field.
        inner: how to do the solve, see `linear.Inner`.

    Returns:
        The transformation; it needs ``game=`` and all players. Its state reports the last solve, see `competitive`.

    Example:
        >>> import optax, gamesolve as gs
        >>> solver = optax.chain(gs.transforms.lss(0.0), optax.sgd(0.5))
        >>> solution = gs.solve(gs.games.curl(), solver, (1.0, 0.0), 1)
        >>> [float(player) for player in solution.players]
        [1.0, 0.0]

    Reference:
        Mazumdar, Jordan, Sastry, "On Finding Local Nash Equilibria (and Only Local Nash Equilibria) in Zero-Sum
        Games", 2019, https://arxiv.org/abs/1901.00838
    """
    check_number("regularisation", regularisation, least=0.0)

    def system(step: Step) -> tuple[Solve, Operator, Players]:
        length = norm(step.u)
        square = length**2
        # As long as the square can be held, (1 - exp(-square)) / square; it tends to one.
        share = jnp.where(square > 0, -jnp.expm1(-square) / jnp.where(square > 0, square, 1), 1)
        shift = lambda size: regularisation * share * (length / size) ** 2
        return linear.conjugate_gradients, *_normal_equations(step, shift)

    def finish(step: Step, y: Players) -> Players:
        pull = products.transposed(step.game, step.players)
        return optax.tree.scale(0.5, optax.tree.add(step.u, pull(y)))

    return _solving("lss", system, finish, inner)


def _solving(
    name: str,
    system: Callable[[Step], tuple[Solve, Operator, Players]],
    finish: Callable[[Step, Players], Players],
    inner: linear.Inner,
) -> optax.GradientTransformationExtraArgs:
    """Make the part whose direction is ``finish`` of the solution of a system; u itself if the solve fails."""
    check_inner(inner)

    def formula(step: Step, last: linear.Report) -> tuple[Players, linear.Report]:
        solve, operator, rhs = system(step)
        tolerance = inner.relative_tolerance(step.u)
        y, report = certified(solve, operator, rhs, last, tolerance, inner.max_iterations)
        return optax.tree.where(report.failed, step.u, finish(step, y)), report

    return part(name, formula, memory=linear.empty_report, accepts=Origin.DIRECTION, returns=Origin.DIRECTION)


def _method(step: Step, inner: linear.Inner, weigh: products.Product | None = None) -> Solve:
    """Return the solve for systems in J, or in ``I - J D`` if ``weigh`` multiplies by the diagonal D."""
    if products.is_coupled(step.game, step.players):
        return partial(linear.solve_symmetric, mirror=products.mirror, weigh=weigh, dense_limit=inner.dense_limit)
    return partial(linear.solve_general, dense_limit=inner.dense_limit)


def _normal_equations(step: Step, shift: Callable[[jax.Array], Scalar]) -> tuple[Operator, Players]:
    """Return ``y -> J^T J y + l y`` and ``J^T u``, both divided by the square of the size of J.

    The size is that of ``J^T u / ||u||``; the square of a small J would underflow, and that of a large one overflow.
    ``shift(size)`` returns l, likewise divided.
    """
    push, pull = products.forward(step.game, step.players), products.transposed(step.game, step.players)
    length = magnitude(step.u)
    image = pull(krylov.times(1 / length, step.u))
    size = jnp.where(norm(image) > 0, magnitude(image), 1)
    down = partial(krylov.times, 1 / size)
    operator = lambda y: optax.tree.add(down(pull(down(push(y)))), rates.times(shift(size), y))
    return operator, down(krylov.times(length / size, image))
