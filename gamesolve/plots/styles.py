"""Styles of a solver's curves, paths and eigenvalues: colour, dashes and marker, by its index in the legend.

The first seven differ in all three. Later ones repeat the colours with other dashes and markers, 63 styles in all.
"""

from collections.abc import Mapping
from typing import Any

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
# Inches per letter of the legend, and per column beside its letters.
LETTER, BESIDE = 0.075, 0.62


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


def legend(figure: Figure, indices: Mapping[str, int]) -> None:
    """Put one legend below all panels. The figure grows if the legend needs more than one row.

    Args:
        figure: the figure.
        indices: index of each solver that is shown.
    """
    columns = _columns([len(name) for name in indices], figure.get_figwidth())
    rows = -(-len(indices) // columns)
    figure.set_figheight(figure.get_figheight() + 0.2 * (rows - 1))
    figure.legend(
        handles=[Line2D([], [], label=name, **(hollow(index) | line(index))) for name, index in indices.items()],
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        fontsize=9,
        handlelength=3.2,
        columnspacing=1.4,
    )


def _columns(lengths: list[int], width: float) -> int:
    """Return the largest number of columns, at most seven, that hold names of these lengths, column by column."""
    for columns in range(min(7, len(lengths)), 1, -1):
        rows = -(-len(lengths) // columns)
        longest = [max(lengths[first : first + rows]) for first in range(0, len(lengths), rows)]
        if sum(LETTER * length + BESIDE for length in longest) <= width:
            return columns
    return 1
