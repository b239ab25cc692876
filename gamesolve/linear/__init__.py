"""Linear algebra on pytrees: solves with a certificate, and spectra of maps that are known by their products alone."""

from gamesolve.linear.report import (
    ACCEPTED_RESIDUAL,
    Outcome,
    Report,
    certify,
    default_tolerance,
    empty_report,
)
from gamesolve.linear.solves import (
    DENSE_LIMIT,
    ITERATIONS,
    LONG,
    RESTART,
    Coupled,
    conjugate_gradients,
    coupled,
    solve_general,
    solve_symmetric,
)

__all__ = [
    "ACCEPTED_RESIDUAL",
    "DENSE_LIMIT",
    "ITERATIONS",
    "LONG",
    "RESTART",
    "Coupled",
    "Outcome",
    "Report",
    "certify",
    "conjugate_gradients",
    "coupled",
    "default_tolerance",
    "empty_report",
    "solve_general",
    "solve_symmetric",
]
