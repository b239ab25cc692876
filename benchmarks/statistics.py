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


def cycling(values: np.ndarray) -> bool:
    """Return whether a curve goes round or stands still: its last two quarters peak alike, to a percent."""
    quarter = len(values) // 4
    if quarter < 4 or not np.isfinite(values).all():
        return False
    before, last = values[-2 * quarter : -quarter], values[-quarter:]
    return bool(min(before.max(), last.max()) > 0 and abs(np.log(last.max() / before.max())) < 0.01)
