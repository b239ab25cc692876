"""The page that all pictures share: figures, greys, and the choice of a view."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

GREY = "#8c8c8c"
FAINT = "#e5e5e5"
# Background of the region of stability.
SHADE = "#eef4fa"

# Inches. One column of a journal is about 3.5 wide, where text of 8 points is easy to read.
SIZE = (3.5, 2.9)
SMALL = 8


class Sheet(Figure):
    """A figure that notebooks show even if pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


# Arguments of the functions that users pass to be drawn.
POINTS, OF_POINTS = "an array of points", "Write lambda points: ..."

Limits = tuple[tuple[float, float], tuple[float, float]]


def axes(ax: Axes | None, **kind: Any) -> Axes:
    """Return the axes, or those of a new figure with small text; ``kind`` as for ``add_subplot``."""
    if ax is not None:
        return ax
    return small(Sheet(figsize=SIZE, dpi=150, layout="constrained").add_subplot(**kind))


def small(new: Axes) -> Axes:
    """Give new axes text for a figure that is one column wide."""
    new.tick_params(which="both", labelsize=SMALL - 1)
    for label in (new.xaxis.label, new.yaxis.label, new.title):
        label.set_fontsize(SMALL)
    return new


def legend(ax: Axes, *, columns: int = 2) -> Axes:
    """Put a legend above axes, where it hides nothing.

    Args:
        ax: axes of any picture. The legend takes the place of their title, so give the title to the figure instead.
        columns: number of entries side by side.

    Returns:
        The axes.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.legend(plots.lines({"a": [1.0, 2.0]}))
        >>> axes.get_legend().get_texts()[0].get_text()
        'a'
    """
    place: dict[str, Any] = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "frameon": False}
    ax.legend(ncols=columns, fontsize=SMALL - 1, **place)
    return ax


def square(points: np.ndarray, margin: float) -> Limits:
    """Return the limits of a square around complex numbers."""
    low, high = (complex(pick(np.real(points)), pick(np.imag(points))) for pick in (np.min, np.max))
    centre, half = (low + high) / 2, max((high - low).real, (high - low).imag) / 2
    half = (half or 1.0) * (1 + 2 * margin)
    return (centre.real - half, centre.real + half), (centre.imag - half, centre.imag + half)


def colorbar(ax: Axes, drawn: ScalarMappable, label: str) -> None:
    """Add a colour bar with small text."""
    scale = ax.figure.colorbar(drawn, ax=ax, pad=0.02)
    scale.set_label(label, fontsize=SMALL)
    scale.ax.tick_params(labelsize=SMALL - 1)
