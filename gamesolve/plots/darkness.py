"""Pictures for dark pages."""

from typing import TypeVar

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap, to_rgba_array
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Text

# A colour whose channels differ by at most this counts as grey.
NEUTRAL = 0.05
# Lightness of the page, which replaces white.
PAGE = 0.08
# The colormap of images, which stay as they are.
PICTURES = "gray"
COLOURS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")
Picture = TypeVar("Picture", Axes, Figure)


def dark(picture: Picture) -> Picture:
    """Turn a finished picture into one for a dark background by inverting black, white and all greys.

    Colours and images stay as they are. The contours of a discriminator are greys, so their light and dark areas
    change places.

    Args:
        picture: a figure, or axes, whose whole figure is changed.

    Returns:
        The same axes or figure.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.dark(plots.convergence({"a": [1.0, 0.1]}))
        >>> axes.xaxis.label.get_color(), axes.lines[0].get_color()
        ((1.0, 1.0, 1.0, 1.0), '#0072B2')
    """
    figure = picture if isinstance(picture, Figure) else picture.figure
    for artist in figure.findobj():
        for part in (
            artist,
            getattr(artist, "pane", None),
            artist.get_bbox_patch() if isinstance(artist, Text) else None,
        ):
            if part is not None and not isinstance(part, (Axes, FigureBase)):  # their patches are artists too
                _mirror(part)
    for axes in figure.axes:
        axes.tick_params(which="both", color="white", labelcolor="white")  # for ticks that are made later
    return picture


def _mirror(artist: Artist) -> None:
    if (
        isinstance(artist, ScalarMappable)
        and artist.get_array() is not None
        and getattr(artist, "colors", None) is None
    ):
        colormap = artist.get_cmap()
        table, neutral = _mirrored(colormap(np.linspace(0, 1, 256)))
        if neutral.all() and colormap.name != PICTURES:
            artist.set_cmap(ListedColormap(table, colormap.name))
        return
    for name in COLOURS:
        if not (hasattr(artist, f"get_{name}") and hasattr(artist, f"set_{name}")):
            continue
        colours = getattr(artist, f"get_{name}")()
        if isinstance(colours, str) and colours in ("none", "auto"):
            continue
        table, neutral = _mirrored(to_rgba_array(colours))
        if neutral.any() and table[:, 3].any():
            getattr(artist, f"set_{name}")(table if isinstance(artist, Collection) else tuple(map(float, table[0])))


def _mirrored(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return colours with inverted greys, of shape (n, 4), and which of them are greys."""
    neutral = np.ptp(table[:, :3], axis=1) <= NEUTRAL
    greys = 1 - (1 - PAGE) * table[:, :3].mean(axis=1, keepdims=True)
    table = table.copy()
    table[neutral, :3] = greys[neutral]
    return table, neutral
