"""Draw the figures of a report, as PNG in base64."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.races import digest as digests
from benchmarks.races import schema
from benchmarks.report import Row
from gamesolve import plots
from gamesolve.compare import profiles

# Curves in a figure: the best by their last median; more are indistinguishable.
MOST = 10


def curves(digest: digests.Digest, game: str) -> str:
    """Draw medians and 20-80 % bands of the value, relative to the start, against the digest's axis."""
    bands, grids = {}, {}
    for name, group in digest.of(game).groupby("solver", sort=False):
        spent = group[digest.axis].to_numpy()
        if spent.max() > 0:
            grid = grids[name] = np.geomspace(spent[spent > 0].min(), spent.max(), 80)
            bands[name] = profiles.band(np.clip(digests.curves(group, digest.axis, grid), 1e-17, 1e6))
    best = sorted(bands, key=lambda name: bands[name][1, -1])[:MOST]
    axes = _axes(game)
    plots.convergence(
        {name: bands[name] for name in best}, quantity="value, relative to the start", cost=grids, ax=axes
    )
    axes.set(xscale="log", xlabel=schema.AXES[digest.axis])
    lowest = min((bands[name][1].min() for name in best), default=1e-16)
    axes.set_ylim(max(1e-17, lowest / 2), 30)
    return _encoded(axes)


def both_profiles(digest: digests.Digest) -> list[str]:
    """Draw the performance and the data profile of a race."""
    taken, solvers = digests.times(digest)
    if not len(taken):
        return []
    ratios, budgets = np.geomspace(1, 32, 60), digests.spendable(digest) * np.geomspace(1e-3, 1, 60)
    shares = profiles.performance_profile(taken, ratios)
    best = np.argsort(-shares.mean(axis=1), kind="stable")[:MOST]
    unit, drawn = schema.AXES[digest.axis], []
    for title, label, values, lines in (
        ("performance profile", f"{unit}, relative to the best solver", ratios, shares),
        ("data profile", unit, budgets, profiles.data_profile(taken, budgets)),
    ):
        axes = _axes(title)
        named = {solvers[row]: lines[row] for row in best}
        plots.lines(named, values, axes=(label, "share of problems at the target"), ax=axes)
        axes.set(xscale="log", ylim=(-0.02, 1.02))
        drawn.append(_encoded(axes))
    return drawn


def scaling(rows: list[Row]) -> list[str]:
    """Draw the cost of a step against each axis of the scaling suite."""
    drawn = []
    for axis, own in pd.DataFrame(rows).groupby("axis", sort=False):
        lines = {str(name): line for name, line in own.groupby("solver", sort=False)}
        times = {name: line["microseconds"].to_numpy() for name, line in lines.items()}
        sizes = {name: line["size"].to_numpy() for name, line in lines.items()}
        axes = _axes(f"cost against {axis}")
        plots.convergence(times, quantity="µs a step", cost=sizes, unit=str(axis), ax=axes)
        axes.set(xscale="log")
        drawn.append(_encoded(axes, columns=2 if len(lines) > 12 else 1))
    return drawn


def _axes(title: str) -> Axes:
    axes = Figure(figsize=(5.2, 3.4), layout="constrained").add_subplot()
    axes.set_title(title, fontsize=10)
    return axes


def _encoded(axes: Axes, columns: int = 1) -> str:
    if axes.lines:
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), ncols=columns)
    buffer = io.BytesIO()
    figure: Any = axes.figure
    figure.savefig(buffer, format="png", dpi=110)
    return base64.b64encode(buffer.getvalue()).decode()
