"""Statistics over seeds, and profiles over problems."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.stats

BAND = (0.2, 0.5, 0.8)
RESAMPLES = 300


class Interval(NamedTuple):
    """A figure with its interval of 95 %."""

    value: float
    low: float
    high: float


def band(values: np.ndarray) -> np.ndarray:
    """Return the 20 %, 50 % and 80 % quantiles over the first axis, shape (3, ...); what is not finite is infinite.

    The quantiles are values that occurred (the nearest below), so that one run that diverged does not spoil them.
    """
    return np.quantile(np.nan_to_num(values, nan=np.inf, posinf=np.inf), BAND, axis=0, method="lower")


def interquartile_mean(values: np.ndarray) -> Interval:
    """Return the mean of the middle half, with a percentile bootstrap over the seeds.

    >>> interquartile_mean(np.array([0.0, 1.0, 2.0, 100.0])).value
    1.5
    """
    if len(values) < 2 or not np.isfinite(values).all() or np.ptp(values) == 0:
        value = float(scipy.stats.trim_mean(values, 0.25)) if np.isfinite(values).all() else float("inf")
        return Interval(value, value, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bootstrap of equal values
        found = scipy.stats.bootstrap(
            (values,),
            lambda sample, axis: scipy.stats.trim_mean(sample, 0.25, axis=axis),
            n_resamples=RESAMPLES,
            method="percentile",
            rng=np.random.default_rng(0),
        )
    low, high = found.confidence_interval
    return Interval(float(scipy.stats.trim_mean(values, 0.25)), float(low), float(high))


def to_target(spent: np.ndarray, values: np.ndarray, target: Any) -> np.ndarray:
    """Return what each run had spent when it first reached its target, NaN where it never did.

    Args:
        spent: shape (runs, points), increasing.
        values: likewise.
        target: of each run, shape (runs,).
    """
    reached = values <= np.asarray(target)[:, None]
    first = np.argmax(reached, axis=1)
    return np.where(reached.any(axis=1), spent[np.arange(len(spent)), first], np.nan)


def along(costs: np.ndarray, values: np.ndarray, where: Any) -> np.ndarray:
    """Return a curve's values at other costs, linear in their logarithm between its points.

    What is not finite, or beyond 1e100, is infinite.

    >>> along(np.array([0.0, 2.0, 3.0]), np.array([1.0, 0.01, np.nan]), [1.0, 2.0, 2.9]).round(12).tolist()
    [0.1, 0.01, inf]
    """
    limited = np.clip(np.nan_to_num(values, nan=np.inf, posinf=np.inf), 1e-300, 1e300)
    found = np.exp(np.interp(where, costs, np.log(limited)))
    return np.where(found > 1e100, np.inf, found)


def performance_profile(times: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Return the share of problems that each solver solves within a ratio of the best solver's time.

    Args:
        times: shape (problems, solvers), NaN where a problem was not solved. Problems that nobody solves count.
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
    return (relative[:, :, None] <= ratios * (1 + 1e-12)).mean(axis=0)


def data_profile(times: np.ndarray, budgets: np.ndarray) -> np.ndarray:
    """Return the share of problems that each solver solves within a budget; arguments as for `performance_profile`.

    >>> data_profile(np.array([[1.0, 2.0], [4.0, np.nan]]), np.array([1.0, 3.0])).tolist()
    [[0.5, 0.5], [0.0, 0.5]]

    Reference:
        More, Wild, "Benchmarking derivative-free optimization algorithms", 2009.
    """
    return (np.where(np.isnan(times), np.inf, times)[:, :, None] <= budgets).mean(axis=0)


def cycling(values: np.ndarray, points: np.ndarray) -> bool:
    """Return whether a run goes round and round.

    In each of its last three quarters it travels at least twice as far as it gets, and the values peak alike, to a
    percent. (A run that merely creeps peaks alike too, but travels no farther than it gets.)

    Args:
        values: what should go to zero, shape (rows,).
        points: where the run was, shape (rows, n).
    """
    quarter = len(values) // 4
    if quarter < 4 or not np.isfinite(values).all():
        return False
    parts = [slice(begin, begin + quarter) for begin in range(len(values) - 3 * quarter, len(values), quarter)]
    peaks = np.array([values[part].max() for part in parts])
    alike = peaks.min() > 0 and np.log(peaks.max() / peaks.min()) < 0.01
    return bool(alike) and all(_returns(points[part]) for part in parts)


def _returns(points: np.ndarray) -> bool:
    points = points.astype(float)
    travelled = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    return bool(travelled >= 2 * np.linalg.norm(points - points[0], axis=1).max() > 0)
