"""What all pictures share: where they are drawn, their greys, and how a view is chosen."""

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

GREY = "#8c8c8c"
FAINT = "#e5e5e5"
# What is stable lies on this.
SHADE = "#eef4fa"

# Inches; one column of a journal is about 3.5 wide, where text of 8 points is read with ease.
SIZE = (3.5, 2.9)
SMALL = 8


class Sheet(Figure):
    """A figure that notebooks show, also where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


Limits = tuple[tuple[float, float], tuple[float, float]]


def axes(ax: Axes | None, **kind: Any) -> Axes:
    """Return the axes, or those of a new figure with small letters; ``kind`` as for ``add_subplot``."""
    if ax is not None:
        return ax
    return small(Sheet(figsize=SIZE, dpi=150, layout="constrained").add_subplot(**kind))


def small(new: Axes) -> Axes:
    """Give new axes letters for a figure that is one column wide."""
    new.tick_params(which="both", labelsize=SMALL - 1)
    for label in (new.xaxis.label, new.yaxis.label, new.title):
        label.set_fontsize(SMALL)
    return new


def legend(ax: Axes, *, columns: int = 2) -> Axes:
    """Explain what axes show, above them, where it hides nothing.

    Args:
        ax: axes of any picture; their title would be hidden, so give a title to the figure instead.
        columns: entries side by side.

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


def say(ax: Axes, text: str) -> None:
    """Write a remark where a picture would be."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=GREY)
    ax.set_axis_off()


def grid(ax: Axes) -> None:
    """Draw thin lines below all else."""
    ax.grid(visible=True, color=FAINT, linewidth=0.6)
    ax.set_axisbelow(True)


def square(points: Any, margin: float) -> Limits:
    """Return the limits of a square round complex numbers."""
    low, high = (complex(pick(points.real), pick(points.imag)) for pick in (np.min, np.max))
    centre, half = (low + high) / 2, max((high - low).real, (high - low).imag) / 2
    half = (half or 1.0) * (1 + 2 * margin)
    return (centre.real - half, centre.real + half), (centre.imag - half, centre.imag + half)


def bar(ax: Axes, drawn: Any, label: str) -> None:
    """Add the scale of colours."""
    scale = ax.get_figure().colorbar(drawn, ax=ax, pad=0.02)  # pyright: ignore[reportOptionalMemberAccess]
    scale.set_label(label, fontsize=SMALL)
    scale.ax.tick_params(labelsize=SMALL - 1)
