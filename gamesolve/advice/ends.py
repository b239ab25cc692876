"""Look at where the trials ended: at the equilibrium of the probe, at another one, or at an unstable one."""

from collections.abc import Sequence

import jax
import numpy as np

from gamesolve import analysis
from gamesolve.advice.trials import Trial
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import ravel
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.trees import Players

# A run has ended elsewhere if its end is farther from the probe's equilibrium than this share of the start's distance,
# and than this many of Newton's next steps.
AWAY, STEPS = 0.1, 10.0
# Real parts of eigenvalues above this, relative to the largest modulus, are those of an unstable equilibrium. It is
# generous, since runs end near equilibria and not at them.
UNSTABLE = 1e-2


def price(players: Players, constraints: Projections, noisy: bool) -> int:
    """Return the evaluations that a look at one end takes; 0 where eigenvalues cannot tell."""
    size = ravel(players).size
    return size + 1 if constraints is None and not noisy and size <= LARGEST_SPECTRUM else 0


def judge(game: Game, start: Players, equilibrium: Players | None, trials: Sequence[Trial]) -> int:
    """Mark trials whose best run converged elsewhere or to an unstable equilibrium, and return the number of looks.

    Args:
        game: the game.
        start: its starting players.
        equilibrium: the one that the probe found, or None.
        trials: the trials.
    """
    looks = 0
    for trial in trials:
        if trial.converged.any():
            looks += 1
            best = trial.best
            _judge(game, start, equilibrium, trial, jax.tree.map(lambda leaf, at=best: leaf[at], trial.runs.players))
    return looks


def _judge(game: Game, start: Players, equilibrium: Players | None, trial: Trial, end: Players) -> None:
    matrix = np.asarray(analysis.jacobian(game, end), float)
    if equilibrium is not None:
        step = np.linalg.lstsq(matrix, np.asarray(ravel(game.field(end)), float))[0]
        first, known, last = (np.asarray(ravel(players), float) for players in (start, equilibrium, end))
        least = max(AWAY * np.linalg.norm(first - known), STEPS * np.linalg.norm(step))
        trial.elsewhere = bool(np.linalg.norm(last - known) > least)
        if not trial.elsewhere:
            return
    values = np.linalg.eigvals(matrix)
    trial.unstable = bool(values.real.max() > UNSTABLE * np.abs(values).max())
