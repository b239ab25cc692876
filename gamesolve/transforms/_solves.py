"""What the parts with an inner linear solve have in common: how tightly it is solved, and what is reported of it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from gamesolve import linear, rates
from gamesolve.transforms._parts import minus


class Settings(NamedTuple):
    """Settings of an inner solve: relative tolerance, limit on Krylov iterations, share of the outer residual."""

    tolerance: Any
    max_iterations: int | None
    forcing: Any

    def relative(self, u: Any) -> Any:
        """Return the relative tolerance of a step: the default one, or looser, as far as the field is from zero."""
        tightest = linear.default_tolerance(u) if self.tolerance is None else self.tolerance
        if self.forcing is None:
            return tightest
        return jnp.clip(self.forcing * optax.tree.norm(u), tightest, linear.ACCEPTED_RESIDUAL)


def settings(tolerance: Any, max_iterations: int | None, forcing: Any) -> Settings:
    """Return checked settings."""
    for name, value in (("tolerance", tolerance), ("forcing", forcing)):
        if value is not None:
            rates.check_number(name, value, above=0.0)
    return Settings(tolerance, max_iterations, forcing)


def certified(
    solve: Callable[..., Any], operate: Any, rhs: Any, last: linear.Report, tolerance: Any, limit: int | None
) -> tuple[Any, linear.Report]:
    """Solve from the last solution on; return the solution and its report."""
    y, iterations = solve(operate, rhs, last.solution, tolerance, limit)
    return y, linear.certify(last, y, iterations, minus(rhs, operate(y)), rhs, tolerance)


def combined(first: linear.Report, second: linear.Report) -> linear.Report:
    """Return one report of a step's two solves: the worse ending, all iterations, the first one's warm start."""
    return linear.Report(
        first.solution,
        first.iterations + second.iterations,
        jnp.maximum(first.residual, second.residual),
        jnp.maximum(first.status, second.status),
        second.fallbacks,
    )


def failed(report: linear.Report) -> Any:
    """Whether the solve failed, so that the explicit direction is used."""
    return report.status == linear.Outcome.FAILED
