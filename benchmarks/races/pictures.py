"""Figures of a report, as PNG in base64."""

import base64
import io
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.races import digest as digests
from benchmarks.races import schema, statistics

# Curves in a figure: the best by their last median; more can't be told apart.
MOST = 10
WIDTH, HEIGHT = 5.2, 3.4


def curves(points: pd.DataFrame, title: str, axis: str) -> str:
    """Draw medians and 20-80 % bands of the value, relative to the start, against a column of `schema.AXES`."""
    figure, axes = _figure(title, schema.AXES[axis], "value, relative to the start")
    axes.set(xscale="log", yscale="log")
    bands = {
        name: _band(group, axis)
        for name, group in points.groupby("solver", sort=False)
        if group[axis].to_numpy().max() > 0
    }
    best = sorted(bands, key=lambda name: bands[name][1][1, -1])[:MOST]
    for index, name in enumerate(best):
        spent, (low, median, high) = bands[name]
        color = mpl.colormaps["tab10"](index % 10)
        axes.plot(spent, median, color=color, label=str(name), linewidth=1.4)
        axes.fill_between(spent, low, high, color=color, alpha=0.15, linewidth=0)
    lowest = min((np.min(bands[name][1][1]) for name in best), default=1e-16)
    axes.set_ylim(max(1e-17, lowest / 2), 30)
    return _finish(figure, axes)


def profiles(digest: digests.Digest) -> list[str]:
    """Draw the performance and the data profile of a race."""
    taken, solvers = digests.times(digest)
    if not len(taken):
        return []
    ratios = np.geomspace(1, 32, 60)
    budgets = digests.spendable(digest) * np.geomspace(1e-3, 1, 60)
    shares = statistics.performance_profile(taken, ratios)
    best = np.argsort(-shares.mean(axis=1), kind="stable")[:MOST]
    drawn = []
    for title, label, values, lines in (
        ("performance profile", f"{schema.AXES[digest.axis]}, over those of the best solver", ratios, shares),
        ("data profile", schema.AXES[digest.axis], budgets, statistics.data_profile(taken, budgets)),
    ):
        figure, axes = _figure(title, label, "share of problems at the target")
        axes.set(xscale="log", ylim=(-0.02, 1.02))
        for index, row in enumerate(best):
            axes.step(values, lines[row], where="post", color=mpl.colormaps["tab10"](index % 10), label=solvers[row])
        drawn.append(_finish(figure, axes))
    return drawn


def scaling(rows: list[dict[str, Any]]) -> list[str]:
    """Draw the cost of a step against each axis of the scaling suite."""
    drawn = []
    for axis in dict.fromkeys(row["axis"] for row in rows):
        own = [row for row in rows if row["axis"] == axis]
        names = list(dict.fromkeys(row["solver"] for row in own))
        figure, axes = _figure(f"cost against {axis}", axis, "µs a step")
        axes.set(xscale="log", yscale="log")
        for index, name in enumerate(names):
            line = [(row["size"], row["microseconds"]) for row in own if row["solver"] == name]
            axes.plot(*zip(*line, strict=True), color=mpl.colormaps["tab20"](index % 20), label=name, marker=".")
        drawn.append(_finish(figure, axes, columns=2 if len(names) > 12 else 1))
    return drawn


def _band(group: pd.DataFrame, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the costs at which curves are compared, and their quantiles there."""
    spent = group[axis].to_numpy()
    grid = np.geomspace(spent[spent > 0].min(), spent.max(), 80)
    return grid, statistics.band(np.clip(digests.curves(group, axis, grid), 1e-17, 1e6))


def _figure(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(xlabel, fontsize=9)
    axes.set_ylabel(ylabel, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    return figure, axes


def _finish(figure: Figure, axes: Any, columns: int = 1) -> str:
    if axes.lines:
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), ncols=columns)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode()
