"""Compute statistics over seeds, and profiles over problems.

>>> import numpy as np
>>> from gamesolve.compare.profiles import along, data_profile, interquartile_mean, performance_profile
"""

import warnings
from typing import NamedTuple

import numpy as np
import scipy.stats

BAND = (0.2, 0.5, 0.8)
RESAMPLES = 300


class Interval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def band(values: np.ndarray) -> np.ndarray:
    """Return the 20 %, 50 % and 80 % quantiles over the first axis, shape (3, ...); NaN counts as infinite.

    The quantiles are values that occurred (the nearest below), so that one diverged run does not spoil them.
    """
    return np.quantile(np.nan_to_num(values, nan=np.inf, posinf=np.inf), BAND, axis=0, method="lower")


def interquartile_mean(values: np.ndarray) -> Interval:
    """Return the mean of the middle half, with a percentile bootstrap over the seeds.

    >>> interquartile_mean(np.array([0.0, 1.0, 2.0, 100.0])).value
    1.5
    """
    finite = bool(np.isfinite(values).all())
    value = float(scipy.stats.trim_mean(values, 0.25)) if finite else float("inf")
    if len(values) < 2 or not finite or np.ptp(values) == 0:
        return Interval(value, value, value)

    def statistic(sample: np.ndarray, axis: int) -> np.ndarray:
        return scipy.stats.trim_mean(sample, 0.25, axis=axis)

    settings = {"n_resamples": RESAMPLES, "method": "percentile", "rng": np.random.default_rng(0)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bootstrap of equal values
        low, high = scipy.stats.bootstrap((values,), statistic, **settings).confidence_interval
    return Interval(value, float(low), float(high))


def to_target(spent: np.ndarray, values: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return what each run had spent when it first reached its target, NaN if it never did.

    ``spent`` (increasing) and ``values`` have shape (runs, points), ``target`` has shape (runs,).
    """
    reached = values <= np.asarray(target)[:, None]
    first = np.argmax(reached, axis=1)
    return np.where(reached.any(axis=1), spent[np.arange(len(spent)), first], np.nan)


def along(costs: np.ndarray, values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return a curve's values at other costs, interpolated linearly in their logarithm.

    Values that are not finite, or beyond 1e100, are infinite.

    >>> along(np.array([0.0, 2.0, 3.0]), np.array([1.0, 0.01, np.nan]), [1.0, 2.0, 2.9]).round(12).tolist()
    [0.1, 0.01, inf]
    """
    limited = np.clip(np.nan_to_num(values, nan=np.inf, posinf=np.inf), 1e-300, 1e300)
    found = np.exp(np.interp(where, costs, np.log(limited)))
    return np.where(found > 1e100, np.inf, found)


def performance_profile(times: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return the share of problems that each solver solves within a ratio of the best solver's time.

    Args:
        times: shape (problems, solvers), NaN if a problem was not solved. Problems that no solver solves count.
        ratios: shape (n,), from 1 upwards.

    Returns:
        Shares, shape (solvers, n).

    Example:
        >>> performance_profile(np.array([[1.0, 2.0], [4.0, 2.0], [np.nan, 3.0]]), np.array([1.0, 2.0])).tolist()
        [[0.3333333333333333, 0.6666666666666666], [0.6666666666666666, 1.0]]

    Reference:
        Dolan, More, "Benchmarking optimization software with performance profiles", 2002,
        https://arxiv.org/abs/cs/0102001
    """
    times = np.where(np.isnan(times), np.inf, np.maximum(times, np.finfo(float).tiny))
    best = times.min(axis=1, keepdims=True)
    relative = np.where(np.isinf(times), np.inf, times / np.where(np.isinf(best), 1, best))
    return data_profile(relative, ratios * (1 + 1e-12))


def data_profile(times: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """Return the share of problems that each solver solves within a budget; shapes as for `performance_profile`.

    >>> data_profile(np.array([[1.0, 2.0], [4.0, np.nan]]), np.array([1.0, 3.0])).tolist()
    [[0.5, 0.5], [0.0, 0.5]]

    Reference:
        More, Wild, "Benchmarking derivative-free optimization algorithms", 2009.
    """
    return (np.where(np.isnan(times), np.inf, times)[:, :, None] <= budgets).mean(axis=0)


def cycling(values: np.ndarray, points: np.ndarray) -> bool:
    """Return whether a run cycles; ``values`` should go to zero, ``points`` has shape (rows, n).

    In each of the last three quarters of a cycle the run travels at least twice as far as it gets, and the values have
    equal peaks, to a percent. (A creeping run has equal peaks too, but travels no farther than it gets.)
    """
    quarter = len(values) // 4
    if quarter < 4 or not np.isfinite(values).all():
        return False
    parts = [slice(begin, begin + quarter) for begin in range(len(values) - 3 * quarter, len(values), quarter)]
    peaks = np.array([values[part].max() for part in parts])
    equal = peaks.min() > 0 and np.log(peaks.max() / peaks.min()) < 0.01
    return bool(equal) and all(_returns(points[part].astype(float)) for part in parts)


def _returns(points: np.ndarray) -> bool:
    travelled = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    return bool(travelled >= 2 * np.linalg.norm(points - points[0], axis=1).max() > 0)
