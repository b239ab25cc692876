"""Styles of a solver's curves, paths and eigenvalues: colour, dashes and marker, by its index in the legend.

The first seven differ in all three. Later ones repeat the colours with other dashes and markers, 63 styles in all.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe and Ito's palette for colour-blind readers, without its yellow, which is too light for lines.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# Curves often coincide (extragradient and CGD on bilinear games), and dashes let the lower one show through.
DASHES = (
    "-",
    (0, (5, 2)),
    (0, (1.5, 1.5)),
    (0, (7, 2, 1.5, 2)),
    (0, (3, 3)),
    (0, (9, 4)),
    (0, (5, 2, 1.5, 2, 1.5, 2)),
    (0, (5, 5)),
    (0, (9, 2, 3, 2)),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "h")
# Inches per letter of a legend of 10 points, and per column beside its letters.
LETTER, BESIDE = 0.083, 0.66
# A legend of more names has smaller letters.
FEW = 21
# Distance between two markers on a curve, as a share of the diagonal of its axes.
SPACING = 0.4
MOST_MARKERS = 4


def color(index: int) -> str:
    """Return the colour of the solver with this index."""
    return COLORS[index % len(COLORS)]


def marker(index: int) -> str:
    """Return the marker of the solver with this index."""
    return MARKERS[(index + index // len(COLORS)) % len(MARKERS)]


def line(index: int, width: float = 1.6) -> dict[str, Any]:
    """Return the style of a solver's curve or path."""
    dashes = DASHES[(index + index // len(COLORS)) % len(DASHES)]
    return {"color": color(index), "linestyle": dashes, "linewidth": width}


def hollow(index: int) -> dict[str, Any]:
    """Return the style of a solver's eigenvalues; sizes differ, so that coinciding markers stay visible."""
    style = {"linestyle": "none", "marker": marker(index), "markersize": 10 - 0.9 * (index % 7)}
    return style | {"markerfacecolor": "none", "markeredgewidth": 1.3}


def stagger(ax: Axes, indices: Mapping[str, int]) -> None:
    """Put markers on labelled curves, each curve's at other places, so that curves that coincide can be told apart.

    Args:
        ax: axes that hold the curves.
        indices: index of each solver by the label of its curve.
    """
    curves = [line for line in ax.lines if line.get_label() in indices]
    diagonal = np.hypot(ax.bbox.width, ax.bbox.height)
    for order, curve in enumerate(curves):
        steps = np.nan_to_num(np.diff(ax.transData.transform(curve.get_xydata()), axis=0))
        lengths = np.cumsum(np.hypot(*steps.T)) / diagonal
        places = SPACING * (np.arange(MOST_MARKERS) + (order + 0.6) / len(curves))
        marked = 1 + np.searchsorted(lengths, places[places < lengths.max(initial=0)])
        curve.set(marker=marker(indices[str(curve.get_label())]), markersize=5, markevery=marked.tolist())
        curve.set(markerfacecolor="white", markeredgewidth=1.2)


def legend(figure: Figure, indices: Mapping[str, int]) -> None:
    """Put one legend below all panels. The figure grows if the legend needs more than one row.

    Args:
        figure: the figure.
        indices: index of each solver that is shown.
    """
    size = 10 if len(indices) <= FEW else 8
    columns = _columns([len(name) for name in indices], figure.get_figwidth() * 10 / size)
    rows = -(-len(indices) // columns)
    figure.set_figheight(figure.get_figheight() + 0.2 * (rows - 1))
    figure.legend(
        handles=[Line2D([], [], label=name, **(hollow(index) | line(index))) for name, index in indices.items()],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=size,
        handlelength=3.2,
        columnspacing=1.4,
    )


def _columns(lengths: list[int], width: float) -> int:
    """Return the largest number of columns, at most seven, that hold names of these lengths, column by column."""
    for columns in range(min(7, len(lengths)), 1, -1):
        rows = -(-len(lengths) // columns)
        longest = [max(lengths[first : first + rows]) for first in range(0, len(lengths), rows)]
        if sum(LETTER * length + BESIDE for length in longest) <= width:
            return -(-len(lengths) // rows)
    return 1
