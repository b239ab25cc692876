"""Pictures for dark pages."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import Collection
from matplotlib.colors import ListedColormap, to_rgba_array
from matplotlib.figure import Figure, FigureBase
from matplotlib.text import Text

# Channels that differ by no more than this make a colour that has no hue.
NEUTRAL = 0.05
# Lightness of the page that white becomes.
PAGE = 0.08
# The map of colours that images are drawn with.
PICTURES = "gray"
COLOURS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def dark(picture: Axes | Figure) -> Any:
    """Turn a finished picture into one for a dark background: black and white change places, with all greys.

    Colours with a hue stay as they are, and so do images. The contours of a discriminator are greys: what was light is
    dark then.

    Args:
        picture: axes, whose whole figure is changed, or a figure.

    Returns:
        The same axes or figure.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.dark(plots.convergence({"a": [1.0, 0.1]}))
        >>> axes.xaxis.label.get_color(), axes.lines[0].get_color()
        ((1.0, 1.0, 1.0, 1.0), '#0072B2')
    """
    figure: Any = picture if isinstance(picture, Figure) else picture.get_figure()
    for artist in figure.findobj():
        for part in (
            artist,
            getattr(artist, "pane", None),
            artist.get_bbox_patch() if isinstance(artist, Text) else None,
        ):
            if part is not None and not isinstance(part, (Axes, FigureBase)):  # their patches come by themselves
                _mirror(part)
    for axes in figure.axes:
        axes.tick_params(which="both", color="white", labelcolor="white")  # those of later ticks too
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
    """Return colours with their greys mirrored, shape (n, 4), and which ones are greys."""
    neutral = np.ptp(table[:, :3], axis=1) <= NEUTRAL
    greys = 1 - (1 - PAGE) * table[:, :3].mean(axis=1, keepdims=True)
    table = table.copy()
    table[neutral, :3] = greys[neutral]
    return table, neutral
