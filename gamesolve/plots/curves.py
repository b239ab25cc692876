"""Curves over steps or over their cost, and performance profiles."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import by_name, numbers

# Decades that the view extends above the largest start and below the smallest one, at most.
RISE, FALL = 4, 10


def lines(
    values: Mapping[str, ArrayLike],
    at: ArrayLike | None = None,
    *,
    axes: Sequence[str] = ("step", "value"),
    ax: Axes | None = None,
) -> Axes:
    """Draw curves on linear scales: the median and range if there are several runs.

    Args:
        values: arrays of shape (points,) or (runs, points) by name. Values that are not finite leave a gap.
        at: positions of the points, of shape (points,). Default: 0, 1, 2, ...
        axes: labels of the two axes.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.lines({"two runs": [[1.0, 2.0], [3.0, 4.0]]}, [0.1, 0.2], axes=("step size", "rate"))
        >>> axes.lines[0].get_ydata().tolist()
        [2.0, 3.0]
    """
    values, ax = by_name("values", values, "arrays"), paper.axes(ax)
    for index, (name, entries) in enumerate(values.items()):
        runs = np.atleast_2d(numbers(f"values[{name!r}]", entries))
        _line(ax, index, name, np.arange(runs.shape[1]) if at is None else np.asarray(at), runs)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    return _with_grid(ax)


def convergence(
    curves: Mapping[str, ArrayLike],
    *,
    quantity: str = "distance",
    cost: Mapping[str, ArrayLike] | None = None,
    unit: str = "step",
    ax: Axes | None = None,
) -> Axes:
    """Draw curves over steps, or over their cost, on a logarithmic scale: the median and range of several runs.

    Args:
        curves: arrays of shape (steps,) or (runs, steps) by name. A curve without steps is left out, but keeps its
            colour.
        quantity: label of the vertical axis.
        cost: cost of one step by name, or an array of shape (steps,) with the total cost until each entry. Default: 1
            per step.
        unit: unit of the cost, for example ``"field"`` or ``"second"``.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.convergence({"cgd": [1.0, 0.5, 0.2]}, cost={"cgd": 4}, unit="field")
        >>> axes.lines[0].get_xdata().tolist()
        [0, 4, 8]
    """
    curves, ax = by_name("curves", curves, "arrays"), paper.axes(ax)
    starts = []
    for index, (name, values) in enumerate(curves.items()):
        runs = np.atleast_2d(numbers(f"curves[{name!r}]", values))
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
    return _with_grid(ax)


def performance_profile(costs: Mapping[str, ArrayLike], *, ax: Axes | None = None) -> Axes:
    """Draw the share of problems on which each solver is within a factor of the best one.

    Args:
        costs: cost of each problem by name of the solver, of shape (problems,). Failures are infinite or NaN. Problems
            that no solver solved do not count.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes. A curve starts, at factor 1, with the share of problems on which the solver is best, and ends with
        the share that it solves at all.

    Raises:
        ValueError: if the numbers of problems differ, a cost is not positive, or no problem was solved.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.performance_profile({"a": [1.0, 4.0], "b": [2.0, 2.0]})
        >>> [line.get_ydata().tolist() for line in axes.lines]  # at factors 1, 2 and 2.2
        [[0.5, 1.0, 1.0], [0.5, 1.0, 1.0]]

    Reference:
        Dolan, More, "Benchmarking optimization software with performance profiles", Mathematical Programming 2002
    """
    costs = {name: numbers(f"costs[{name!r}]", values) for name, values in by_name("costs", costs, "arrays").items()}
    sizes = {values.shape for values in costs.values()}
    if len(sizes) != 1 or len(min(sizes)) != 1:
        raise ValueError(f"costs must hold one number per problem for every name, got shapes {sorted(sizes)}.")
    table = np.array(list(costs.values()))
    table = np.where(np.isnan(table), np.inf, table)
    if (table <= 0).any():
        raise ValueError(f"costs must be positive, got {table.min()}. Use infinity for failures.")
    best = table.min(axis=0)
    if not np.isfinite(best).any():
        raise ValueError("costs must hold a finite number, got none: no solver solved a problem.")
    ratios = table[:, np.isfinite(best)] / best[np.isfinite(best)]
    factors = np.unique(np.append(ratios[np.isfinite(ratios)], 1.0))
    factors = np.append(factors, 1.1 * factors[-1])
    shares = (ratios[:, :, None] <= factors).mean(axis=1)
    ax = paper.axes(ax)
    for index, name in enumerate(costs):
        ax.step(factors, shares[index], where="post", label=name, **styles.line(index))
    ax.set(xscale="log", ylim=(-0.03, 1.03), xlabel="factor of the best", ylabel="share of problems")
    return _with_grid(ax)


def _with_grid(ax: Axes) -> Axes:
    """Let curves span the axes, over a thin grid."""
    ax.margins(x=0)
    ax.grid(visible=True, color=paper.FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def _line(ax: Axes, index: int, name: str, places: np.ndarray, runs: np.ndarray) -> None:
    """Draw the median of runs, and their range if there are several, with gaps where a run is not finite."""
    whole = np.isfinite(runs).all(axis=0)
    median = np.where(whole, np.median(np.where(whole, runs, 1), axis=0), np.nan)
    ax.plot(places, median, label=name, **styles.line(index))
    if len(runs) > 1:
        low, high = runs.min(axis=0), runs.max(axis=0)
        ax.fill_between(places, low, high, where=whole.tolist(), color=styles.color(index), alpha=0.15, linewidth=0)
