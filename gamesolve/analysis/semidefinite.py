"""Semidefinite programs, solved with cvxpy and Clarabel. Callers must check the solutions."""

import warnings
from typing import Any

import numpy as np

from gamesolve.checks.extras import needs

# Relative error of computed sums and of their eigenvalues.
ROUNDING = 1e-13


def cvxpy(name: str) -> Any:
    """Return cvxpy, or raise an error that names the function that needs it."""
    try:
        import clarabel  # noqa: F401
        import cvxpy
    except ImportError:
        raise needs(f"analysis.{name}", "cvxpy and clarabel", "certify") from None
    return cvxpy


def summed(cp: Any, weights: Any, matrices: np.ndarray) -> Any:
    """Return the weighted sum of matrices as an expression of cvxpy."""
    size = matrices.shape[-1]
    return cp.reshape(matrices.reshape(len(matrices), -1).T @ weights, (size, size), order="C")


def solved(cp: Any, problem: Any) -> bool:
    """Solve a problem; return whether there is a solution, accurate or not."""
    with warnings.catch_warnings():
        # Solutions are checked after the solve, so warnings that one may be inaccurate are redundant.
        warnings.simplefilter("ignore")
        try:
            problem.solve(solver=cp.CLARABEL)
        except cp.SolverError:
            return False
    return all(variable.value is not None for variable in problem.variables())


def exceeds_rounding(number: float, *multipliers: np.ndarray) -> bool:
    """Return whether a number is above the rounding errors in a sum of matrices with these multipliers."""
    return number > ROUNDING * (1 + sum(np.sum(weights) for weights in multipliers))


def largest_eigenvalue(matrix: np.ndarray) -> float:
    """Return the largest eigenvalue of a symmetric matrix."""
    return float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
