"""Say in one sentence why a solver was recommended, or why none was."""

import math
from collections.abc import Sequence

import numpy as np

from gamesolve.advice.floors import Floor
from gamesolve.advice.probe import Probe, stability
from gamesolve.advice.recommendation import Row
from gamesolve.compare.noise import CLEAR, Noise

# Share of rotation above which a game is called one of rotation, and below which it is called one of curvature.
TURNING, CURVED = 0.7, 0.3
# Solvers that divide by moments of past gradients, which fade once the run has converged.
RESTLESS = ("adam", "alternating adam")
# Ratio of two quarters of a curve that falls.
FALLING = 0.95
# Ratio of a measured floor to the predicted one above which the run has not got there.
ABOVE = 1.5


def why(
    rows: Sequence[Row], probe: Probe, target: float, noise: Noise | None, enough: int, slower: Floor | None = None
) -> str:
    """Return the sentence.

    Args:
        rows: the tried solvers, the best one first.
        probe: what the game looks like.
        target: factor by which the residual had to fall.
        noise: how the game is noisy, so that residuals are noise floors, or None.
        enough: budget that lets the cheapest solver run.
        slower: predicted floor of the best solver at a quarter of its step sizes, or None.
    """
    best = rows[0]
    if all(len(row.curve) == 1 for row in rows):
        return (
            f"The budget is too small to try a solver after the probe. Give at least {enough}, better ten times that."
        )
    if best.ending == "unstable":
        return f"{best.name} converged to an unstable equilibrium, which no player wants: try other solvers."
    if failed(rows, probe):
        return f"{_failure(probe)}: start elsewhere, add constraints, or check the signs of the payoffs."
    if noise is not None:
        return _floor(best, noise, probe.residual, slower)
    if best.measured is None:
        return (
            f"It came closest: the residual fell to {best.residual:.1e} of its value at the start, and the target is "
            f"{target:g}. Give a larger budget for a firmer answer."
        )
    count = f"{best.measured:.0f} evaluation{'s' * (round(best.measured) != 1)}"
    others = [row for row in rows[1:] if row.measured is not None]
    rival = f", {others[0].name} {_times(others[0], best)}" if others else ""
    return f"{_place(probe, best)}{best.name} took {count} to the target{rival}{_caution(best)}."


def _floor(best: Row, noise: Noise, start: float, slower: Floor | None) -> str:
    """Return the sentence for a noisy game; ``start`` is the residual at the start."""
    doubt, error = "", noise.error / start
    if error > CLEAR * best.residual:
        doubt = f"; the mean of {noise.weight:.0f} draws, by which it is judged, is off by {error:.1e} itself"
    falls = _falls(best.curve) if best.floor is None else best.residual > ABOVE * best.floor.residual
    if falls:
        return (
            f"It came lowest, {best.residual:.1e} of the residual at the start, and was still falling"
            f"{doubt}. Give a larger budget for a firmer answer.{_trade(best, slower)}"
        )
    return (
        f"Of the tried solvers it has the lowest noise floor, {best.residual:.1e} of the residual at the start{doubt}."
        f"{_trade(best, slower)}"
    )


def _trade(best: Row, slower: Floor | None) -> str:
    """Return sentences on rate against floor: what smaller step sizes, or the average of the iterates, change."""
    floor = best.floor
    if floor is None:
        return ""
    words = [f" It forgets its start by a factor of e in {_digits(_memory(floor))} steps."]
    if slower is not None:
        longer, lower = _memory(slower) / _memory(floor), slower.residual / floor.residual
        words.append(
            f"A quarter of its step sizes takes {_digits(longer)} times as long, to {_digits(lower)} of the floor."
        )
    words.append(f"The mean of k iterates divides the floor by about √(k/{_digits(floor.correlated)}), for large k.")
    return " ".join(words)


def _memory(floor: Floor) -> float:
    """Return the steps in which the start is forgotten by a factor of e."""
    return 1 / max(1e-12, -math.log(min(max(floor.rate, 1e-12), 1 - 1e-12)))


def _digits(value: float) -> str:
    """Return a number with two significant digits, or all digits before the point."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _falls(curve: np.ndarray) -> bool:
    """Return whether a noisy curve still falls: its last quarter lies clearly below the one before."""
    quarter = len(curve) // 4
    size = lambda part: float(np.sqrt(np.mean(part**2)))
    return quarter > 0 and size(curve[-quarter:]) < FALLING * size(curve[-2 * quarter : -quarter])


def _place(probe: Probe, best: Row) -> str:
    """Return a clause that says where the solver ran."""
    if best.elsewhere:
        return "At another equilibrium than the probe's: "
    if probe.vanishes:
        return "The field vanishes without an equilibrium, where the players grow without bound: "
    if probe.equilibrium is None:
        return ""
    shape = (
        "rotation dominates"
        if probe.rotation > TURNING
        else "curvature dominates"
        if probe.rotation < CURVED
        else "rotation and curvature mix"
    )
    return f"At the {stability(probe)} equilibrium {shape}: ".replace("  ", " ")


def _caution(best: Row) -> str:
    """Return a warning about solvers whose steps stay as long as they are, which may leave the equilibrium later."""
    return "; stop it with tol=, since its steps do not shrink at an equilibrium" if best.name in RESTLESS else ""


def unjudged(best: Row, constrained: bool, judged: bool) -> str:
    """Return a sentence if nobody looked whether a run ended at a stable equilibrium."""
    if judged or best.measured is None:
        return ""
    cause = "constraints decide it too" if constrained else "the game is too large"
    return f" Whether its end is stable was not checked: {cause}."


def _times(row: Row, best: Row) -> str:
    ratio = f"{(row.measured or 0) / (best.measured or 1):.2g}"
    return "as many" if ratio == "1" else f"{ratio} times as many"


def failed(rows: Sequence[Row], probe: Probe) -> bool:
    """Return whether no tried solver deserves to be recommended."""
    best = rows[0]
    return best.measured is None and (probe.left or best.ending == "unstable" or not best.residual < 1)


def _failure(probe: Probe) -> str:
    if probe.left:
        return "The flow diverges, the players grow without bound"
    if stability(probe) == "unstable":
        return "The flow moves away from the equilibrium that was found, which is unstable"
    return "No tried solver reduced the norm of the field"
