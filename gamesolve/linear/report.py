"""How an inner solve is done and how it ended: its settings, its report and its outcome."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.flatten_util
import jax.numpy as jnp
import optax

from gamesolve.checks import Ending, check_number
from gamesolve.linear import krylov

# A true relative residual above this means that the solve failed: the explicit direction is used instead.
ACCEPTED_RESIDUAL = 0.1


class Outcome(Ending):
    """How an inner solve ended, by its true relative residual.

    SOLVED: within ten times the tolerance. INEXACT: above that, but used. FAILED: not finite or above
    `ACCEPTED_RESIDUAL`; the solver used the explicit direction instead.
    """

    SOLVED = 0, "reached its tolerance"
    INEXACT = 1, "missed its tolerance but was used"
    FAILED = 2, "failed, and the explicit direction was used instead"


class Report(NamedTuple):
    """What a solver's state keeps of its inner solves; read a field with ``optax.tree.get(state, "residual")``.

    Attributes:
        solution: the last solution, where the next solve starts.
        iterations: Krylov iterations of the last solve (0 for a dense one).
        residual: true relative residual of the last solve.
        status: an `Outcome`.
        fallbacks: how many solves failed so far.
    """

    solution: Any
    iterations: jax.Array
    residual: jax.Array
    status: jax.Array
    fallbacks: jax.Array


def empty_report(unknown: Any) -> Report:
    """Return the report before the first solve, for an unknown shaped as ``unknown``."""
    zero = jnp.zeros((), jnp.int32)
    return Report(optax.tree.zeros_like(unknown), zero, jnp.zeros((), optax.tree.dtype(unknown, "lowest")), zero, zero)


def certify(last: Report, solution: Any, iterations: jax.Array, residual: Any, rhs: Any, tolerance: float) -> Report:
    """Return the report of a solve.

    Args:
        last: the report of the solve before.
        solution: its solution.
        iterations: its Krylov iterations.
        residual: its true residual, a tree like ``rhs``.
        rhs: its right-hand side.
        tolerance: the relative tolerance that it was asked for.
    """
    square, scale = krylov.dot(residual, residual), krylov.dot(rhs, rhs)
    relative = jnp.sqrt(krylov.ratio(square, scale))
    # A solution that is not finite shows in its residual.
    relative = jnp.where(relative >= 0, relative, jnp.inf).astype(last.residual.dtype)
    status = jnp.where(relative <= 10 * tolerance, Outcome.SOLVED, Outcome.INEXACT)
    status = jnp.where(relative <= ACCEPTED_RESIDUAL, status, Outcome.FAILED).astype(jnp.int32)
    fallbacks = last.fallbacks + (status == Outcome.FAILED)
    return jax.lax.stop_gradient(Report(solution, iterations, relative, status, fallbacks))


def default_tolerance(tree: Any) -> float:
    """Return the relative tolerance for a tree's precision: 1e-12 in float64, 1e-6 in float32, 1e-2 below."""
    bits = jnp.finfo(optax.tree.dtype(tree, "lowest")).bits
    return {64: 1e-12, 32: 1e-6}.get(bits, 1e-2)


class Settings(NamedTuple):
    """Settings of an inner solve: relative tolerance, limit on Krylov iterations, share of the outer residual."""

    tolerance: Any
    max_iterations: int | None
    forcing: Any

    def relative(self, u: Any) -> Any:
        """Return the relative tolerance of a step: the default one, or looser, as far as the field is from zero."""
        tightest = default_tolerance(u) if self.tolerance is None else self.tolerance
        if self.forcing is None:
            return tightest
        return jnp.clip(self.forcing * optax.tree.norm(u), tightest, ACCEPTED_RESIDUAL)


def settings(tolerance: Any, max_iterations: int | None, forcing: Any) -> Settings:
    """Return checked settings."""
    for name, value in (("tolerance", tolerance), ("forcing", forcing)):
        if value is not None:
            check_number(name, value, above=0.0)
    return Settings(tolerance, max_iterations, forcing)


def certified(
    solve: Callable[..., Any], operate: Any, rhs: Any, last: Report, tolerance: Any, limit: int | None
) -> tuple[Any, Report]:
    """Solve from the last solution on; return the solution and its report."""
    y, iterations = solve(operate, rhs, last.solution, tolerance, limit)
    return y, certify(last, y, iterations, optax.tree.sub(rhs, operate(y)), rhs, tolerance)


def combined(first: Report, second: Report) -> Report:
    """Return one report of a step's two solves: the worse ending, all iterations, the first one's warm start."""
    return Report(
        first.solution,
        first.iterations + second.iterations,
        jnp.maximum(first.residual, second.residual),
        jnp.maximum(first.status, second.status),
        second.fallbacks,
    )


def failed(report: Report) -> Any:
    """Whether the solve failed, so that the explicit direction is used."""
    return report.status == Outcome.FAILED
