"""Curves: what falls with the steps, or with what the steps cost, and which solver is best on how many problems."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gamesolve.plots import paper, styles

# Decades that a curve may rise above its start or fall below it before it is clipped.
RISE, FALL = 4, 10


def lines(
    values: Mapping[str, Any], at: Any = None, *, axes: Sequence[str] = ("step", "value"), ax: Axes | None = None
) -> Axes:
    """Draw curves over the steps, or over anything else, on plain scales: medians and ranges where several.

    Args:
        values: for each name an array of shape (points,) or (runs, points); where one is not finite there is a gap.
        at: where the points are, shape (points,); 0, 1, 2 and so on unless given.
        axes: labels of the two axes.
        ax: where to draw; axes of a new figure unless given.

    Returns:
        The axes.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.lines({"two runs": [[1.0, 2.0], [3.0, 4.0]]}, [0.1, 0.2], axes=("step size", "rate"))
        >>> axes.lines[0].get_ydata().tolist()
        [2.0, 3.0]
    """
    ax = paper.axes(ax)
    for index, (name, entries) in enumerate(values.items()):
        runs = np.atleast_2d(np.asarray(entries, float))
        _line(ax, index, name, np.arange(runs.shape[1]) if at is None else np.asarray(at), runs)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.margins(x=0)
    paper.grid(ax)
    return ax


def convergence(
    curves: Mapping[str, Any],
    *,
    quantity: str = "distance",
    cost: Mapping[str, Any] | None = None,
    unit: str = "step",
    ax: Axes | None = None,
) -> Axes:
    """Draw curves over the steps, or what they cost, on a logarithmic scale: medians and ranges where several.

    Args:
        curves: for each name an array of shape (steps,) or (runs, steps); without steps it is left out, but keeps
            its colour.
        quantity: what they show.
        cost: for each name what one step costs, or an array of shape (steps,): what was spent until each entry. One
            each unless given.
        unit: of the cost, for example ``"field"`` or ``"second"``.
        ax: where to draw; axes of a new figure unless given.

    Returns:
        The axes.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.convergence({"cgd": [1.0, 0.5, 0.2]}, cost={"cgd": 4}, unit="field")
        >>> axes.lines[0].get_xdata().tolist()
        [0, 4, 8]
    """
    ax = paper.axes(ax)
    starts = []
    for index, (name, values) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(values, float))
        if not runs.size:
            continue
        runs = np.where(np.isfinite(runs) & (runs > 0), runs, np.nan)
        spent = np.asarray(1 if cost is None else cost[name])
        places = spent * np.arange(runs.shape[1]) if spent.ndim == 0 else spent
        _line(ax, index, name, places, runs)
        starts.extend(runs[:, 0][np.isfinite(runs[:, 0])])
    ax.set(yscale="log", xlabel=unit, ylabel=quantity)
    if starts:
        low, high = ax.get_ylim()
        ax.set_ylim(max(low, min(starts) / 10**FALL), min(high, max(starts) * 10**RISE))
    ax.margins(x=0)
    paper.grid(ax)
    return ax


def performance_profile(costs: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Draw on which share of the problems each solver is within a factor of the best one.

    Args:
        costs: for each name what each problem cost it, shape (problems,); infinite or NaN where it failed. At least
            one solver must have solved a problem for it to count.
        ax: where to draw; axes of a new figure unless given.

    Returns:
        The axes: at factor 1 the share on which a solver is best, at the right the share that it solves at all.

    Raises:
        ValueError: if the names have different numbers of problems, a cost is not positive, or nobody solved any.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.performance_profile({"a": [1.0, 4.0], "b": [2.0, 2.0]})
        >>> [line.get_ydata().tolist() for line in axes.lines]  # at factors 1, 2 and 2.2
        [[0.5, 1.0, 1.0], [0.5, 1.0, 1.0]]

    Reference:
        Dolan, More, "Benchmarking optimization software with performance profiles", Mathematical Programming 2002
    """
    sizes = {np.shape(values) for values in costs.values()}
    if len(sizes) != 1 or len(min(sizes)) != 1:
        raise ValueError(f"costs has entries of shapes {sorted(sizes)}; give one number for each problem to each name.")
    table = np.array([np.asarray(values, float) for values in costs.values()])
    table = np.where(np.isnan(table), np.inf, table)
    if (table <= 0).any():
        raise ValueError(f"costs holds {table.min()}; give positive numbers, infinite ones for failures.")
    best = table.min(axis=0)
    if not np.isfinite(best).any():
        raise ValueError("costs holds no finite number; at least one problem must have been solved by somebody.")
    ratios = table[:, np.isfinite(best)] / best[np.isfinite(best)]
    factors = np.unique(np.append(ratios[np.isfinite(ratios)], 1.0))
    factors = np.append(factors, 1.1 * factors[-1])
    shares = (ratios[:, :, None] <= factors).mean(axis=1)
    ax = paper.axes(ax)
    for index, name in enumerate(costs):
        ax.step(factors, shares[index], where="post", label=name, **styles.line(index))
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="factor of the best", ylabel="share of problems")
    ax.margins(x=0)
    paper.grid(ax)
    return ax


def _line(ax: Axes, index: int, name: str, places: np.ndarray, runs: np.ndarray) -> None:
    """Draw the median of some runs, and their range if there are several; a gap where one of them is not finite."""
    whole = np.isfinite(runs).all(axis=0)
    median = np.where(whole, np.median(np.where(whole, runs, 1), axis=0), np.nan)
    ax.plot(places, median, label=name, **styles.line(index))
    if len(runs) > 1:
        low, high = runs.min(axis=0), runs.max(axis=0)
        ax.fill_between(places, low, high, where=whole.tolist(), color=styles.color(index), alpha=0.15, linewidth=0)
