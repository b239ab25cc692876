"""Linear algebra on pytrees: certified solves, and eigenvalues of maps known only through their products."""

from gamesolve.linear.general import RESTART, balanced, solve_general
from gamesolve.linear.report import (
    ACCEPTED_RESIDUAL,
    DENSE_LIMIT,
    Inner,
    Outcome,
    Report,
    certify,
    default_tolerance,
    empty_report,
)
from gamesolve.linear.solves import (
    LONG,
    Coupled,
    conjugate_gradients,
    coupled,
    solve_symmetric,
)

__all__ = [
    "ACCEPTED_RESIDUAL",
    "DENSE_LIMIT",
    "LONG",
    "RESTART",
    "Coupled",
    "Inner",
    "Outcome",
    "Report",
    "balanced",
    "certify",
    "conjugate_gradients",
    "coupled",
    "default_tolerance",
    "empty_report",
    "solve_general",
    "solve_symmetric",
]
