"""Grids of images."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gamesolve.plots import paper
from gamesolve.plots.arguments import numbers


def images(
    pictures: ArrayLike,
    *,
    columns: int = 8,
    span: tuple[float, float] = (-1.0, 1.0),
    labels: tuple[str, ...] = (),
    ax: Axes | None = None,
) -> Axes:
    """Draw images side by side, row by row.

    Args:
        pictures: images, of shape (n, height, width), or with a last axis of 1 or 3 channels.
        columns: number of images per row.
        span: the values drawn black and white.
        labels: names of the rows, from the top. Default: none.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes, which hold a single image of the whole grid.

    Raises:
        ValueError: if the shape is not that of images.

    Example:
        >>> import numpy as np
        >>> from gamesolve import plots
        >>> plots.images(np.zeros((5, 8, 8)), columns=3).images[0].get_size()  # two rows of 8 and 1 between
        (17, 26)
    """
    entries = numbers("pictures", pictures)
    entries = entries[..., None] if entries.ndim == 3 else entries
    if entries.ndim != 4 or entries.shape[-1] not in (1, 3):
        raise ValueError(
            f"pictures must have shape (n, height, width), (n, height, width, 1) or (n, height, width, 3), got "
            f"{np.shape(pictures)}."
        )
    number, height, width, channels = entries.shape
    columns = min(columns, number)
    rows = -(-number // columns)
    sheet = np.ones((rows * (height + 1) - 1, columns * (width + 1) - 1, channels))
    low, high = span
    for index, entry in enumerate(np.clip((entries - low) / (high - low), 0, 1)):
        row, column = divmod(index, columns)
        top, left = row * (height + 1), column * (width + 1)
        sheet[top : top + height, left : left + width] = entry
    ax = paper.axes(ax)
    ax.imshow(sheet.squeeze(-1) if channels == 1 else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_xticks([])
    ax.set_yticks([row * (height + 1) + (height - 1) / 2 for row in range(len(labels))], labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax
