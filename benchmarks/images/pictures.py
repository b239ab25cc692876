"""Draw the finals: distance over each budget, and images of every finalist."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from benchmarks.images.choices import KEPT, Choice
from benchmarks.report import Row
from gamesolve import plots

AXES = {"steps": "updates of the generator", "fields": "fields and products", "seconds": "CPU seconds per seed"}


def curves(finals: Mapping[Choice, Row], floor: float) -> Figure:
    """Return the distance of every finalist over each budget: the median of its seeds; the claim's rows are thick."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    axes = figure.subplots(1, len(AXES), sharey=True)
    colours = mpl.colormaps["tab20"](np.linspace(0, 1, 20))
    for (choice, row), colour in zip(finals.items(), np.resize(colours, (len(finals), 4)), strict=True):
        distances = [_median(point["distance"]) for point in row["points"]]
        for ax, axis in zip(axes, AXES, strict=True):
            width = 3.0 if choice in KEPT else 1.2
            ax.loglog([point[axis] for point in row["points"]], distances, color=colour, lw=width, label=label(choice))
    for ax, words in zip(axes, AXES.values(), strict=True):
        ax.axhline(floor, color="black", ls=":", lw=1, label="real images")
        ax.set_xlabel(words)
    axes[0].set_ylabel("distance to real images")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    return figure


def samples(finals: Mapping[Choice, Row], folder: Path, real: Any) -> Figure:
    """Return a row of images of every finalist, from the same latents, below a row of real ones."""
    rows = {"real images": np.asarray(real)} | {
        label(choice): np.load(folder / "finals" / f"{choice.name}.npy") for choice in finals
    }
    figure = Figure(figsize=(10, 0.55 * len(rows) + 0.3), layout="constrained")
    pictures = np.concatenate(list(rows.values()))
    labels = tuple(name.replace(", ", ",\n", 1) for name in rows)
    plots.images(pictures, columns=len(rows["real images"]), labels=labels, ax=figure.subplots())
    return figure


def label(choice: Choice) -> str:
    """Return a combination as a reader names it."""
    return f"{choice.optimiser}, {choice.loss}, {choice.regulariser}"


def _median(values: Sequence[float | None]) -> float:
    return float(np.median([np.inf if value is None else value for value in values]))
