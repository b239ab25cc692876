"""What theory says at an equilibrium: J, the stability of the flow, and the rate of a solver's step."""

import numpy as np

from gamesolve import analysis
from gamesolve.compare.vectors import ravel
from gamesolve.game import Game, Players
from gamesolve.solver import Solver

# Games with more parameters get no dense spectra: eigenvalues of the step map would take minutes.
LARGEST_SPECTRUM = 300


def matrix_at(game: Game, point: Players | None) -> np.ndarray | None:
    """Return J at a point, or None where there is no point or the game is too large."""
    if point is None or ravel(point).size > LARGEST_SPECTRUM:
        return None
    return np.asarray(analysis.jacobian(game, point), float)


def stability(matrix: np.ndarray | None) -> str:
    """Say what the flow ``players' = v`` does at an equilibrium, by the leading real part of J's eigenvalues.

    Args:
        matrix: J there.

    Returns:
        ``"stable"``, ``"neutral"`` where it is zero to four digits, ``"unstable"``, or ``""`` without a matrix.

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
    """Return the spectral radius and the eigenvalues of the solver's step map at a point, and why there are none."""
    if point is None:
        return None, None, ("no prediction, the run reached no equilibrium",)
    if ravel(point).size > LARGEST_SPECTRUM:
        return None, None, (f"no prediction, the game has more than {LARGEST_SPECTRUM} parameters",)
    try:
        stepping = analysis.step_map(game, solver, point)
        spectrum = np.asarray(stepping.eigenvalues())
        return float(stepping.rate()), spectrum, ()
    except ValueError:
        return None, None, ("no prediction, its step is not differentiable at the equilibrium",)
