"""Compute statistics of curves that shrink or grow geometrically."""

import math
import statistics
from collections.abc import Iterable

import numpy as np

from gamesolve.compare.vectors import length, ravel
from gamesolve.game import Players

# Minimum number of points for fitting a contraction.
FEWEST_POINTS = 5


def contraction(curve: np.ndarray, floor: float = 0.0) -> float | None:
    """Measure the factor per step of a curve that shrinks or grows geometrically.

    The logarithm is fitted by least squares over the last half of the part that is finite and above the floor. The
    weights taper off at both ends. With equal weights the fit to a spiral, whose distance oscillates about its trend,
    would depend on the phase at which the run happens to end.

    Args:
        curve: positive numbers, one per step.
        floor: value below which rounding dominates; the curve is cut where it first falls below. Default: 0.

    Returns:
        The factor, or None if there are too few points.

    Example:
        >>> import numpy as np
        >>> round(contraction(3.0 * 0.9 ** np.arange(50)), 6)
        0.9
    """
    usable = (curve < np.sqrt(np.finfo(curve.dtype).max)) & (curve > floor)  # squares overflow beyond
    size = curve.size if usable.all() else int(np.argmin(usable))
    half = curve[size // 2 : size]
    if half.size < FEWEST_POINTS:
        return None
    steps = np.arange(half.size, dtype=float)
    weights = np.sin(np.pi * (steps + 1) / (half.size + 1))  # polyfit squares them: a Hann window
    slope = np.polyfit(steps, np.log(half.astype(float)), 1, w=weights)[0]
    return math.exp(slope)


def rounding_floor(equilibrium: Players | None, curves: np.ndarray) -> float:
    """Return the value at which rounding stops a curve.

    It is some units in the last place of the numbers that are subtracted, or the root of the smallest square.
    """
    limits = np.finfo(curves.dtype)
    scale = np.max(curves[:, 0]) if equilibrium is None else float(length(ravel(equilibrium)))
    return max(30 * float(limits.eps * scale), 1e3 * math.sqrt(limits.tiny))


def final(curves: np.ndarray, steps: Iterable[int]) -> float:
    """Return the median over the seeds of each curve's last finite value within its number of steps."""
    ended = [curve[: count + 1] for curve, count in zip(curves, steps, strict=True)]
    return statistics.median(float(curve[np.isfinite(curve)][-1]) for curve in ended)


def final_floor(curves: np.ndarray, steps: Iterable[int]) -> float:
    """Return the median over the seeds of each curve's floor within its number of steps, see `floors`."""
    return statistics.median(
        float(floors(curve[None, : count + 1])[0]) for curve, count in zip(curves, steps, strict=True)
    )


def floors(curves: np.ndarray) -> np.ndarray:
    """Return the root mean square of each curve over its last half: the noise floor, once a run has got there."""
    half = curves[:, curves.shape[1] // 2 :]
    with np.errstate(over="ignore"):  # diverged runs
        return np.sqrt(np.mean(np.asarray(half, float) ** 2, axis=1))


def median(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are known, or None if none is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None
