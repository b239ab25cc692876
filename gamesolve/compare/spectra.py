"""Predict from theory at an equilibrium: J, the stability of the flow, and the rate of a solver's step."""

import numpy as np

from gamesolve import analysis
from gamesolve.compare.vectors import ravel
from gamesolve.game import Game, Players
from gamesolve.solver import Solver

# Larger games get no dense spectra: eigenvalues of the step map would take minutes.
LARGEST_SPECTRUM = 300


def matrix_at(game: Game, point: Players | None) -> np.ndarray | None:
    """Return J at a point, or None if there is no point or the game is too large."""
    if point is None or ravel(point).size > LARGEST_SPECTRUM:
        return None
    return np.asarray(analysis.jacobian(game, point), float)


def stability(matrix: np.ndarray | None) -> str:
    """Classify an equilibrium of the flow ``players' = v`` by the leading real part of J's eigenvalues.

    Args:
        matrix: J at the equilibrium.

    Returns:
        ``"stable"``, ``"neutral"`` if that part is zero to four digits, ``"unstable"``, or ``""`` without a matrix.

    Example:
        >>> import numpy as np
        >>> stability(np.array([[0.0, -1.0], [1.0, 0.0]]))
        'neutral'
    """
    if matrix is None:
        return ""
    values = np.linalg.eigvals(matrix)
    leading, scale = values.real.max(), np.abs(values).max()
    if abs(leading) <= 1e-4 * scale:
        return "neutral"
    return "stable" if leading < 0 else "unstable"


def predict(
    game: Game, solver: Solver, point: Players | None
) -> tuple[float | None, np.ndarray | None, tuple[str, ...]]:
    """Return the spectral radius and the eigenvalues of the solver's step map at a point, and notes on missing ones."""
    if point is None:
        return None, None, ("no prediction, the run did not reach an equilibrium",)
    if ravel(point).size > LARGEST_SPECTRUM:
        return None, None, (f"no prediction, the game has more than {LARGEST_SPECTRUM} parameters",)
    try:
        stepping = analysis.step_map(game, solver, point)
        spectrum = np.asarray(stepping.eigenvalues())
        return float(stepping.rate()), spectrum, ()
    except ValueError:
        return None, None, ("no prediction, its step is not differentiable at the equilibrium",)
