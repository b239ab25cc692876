"""The field on a plane and along a line."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize

from gamesolve.analysis import Path, Slice
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import of_kind

# Greys, because colours belong to paths and curves, and light enough for lines on top.
NULLCLINE = "#404040"
LEAVING = LinearSegmentedColormap.from_list("leaving", ["white", "#b8b8b8"])


def vector_field(
    picture: Slice,
    *,
    nullclines: bool = True,
    shading: bool = True,
    axes: tuple[str, str] = ("a", "b"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the field on a plane: streamlines, nullclines, and the share of the field that points out of the plane.

    Args:
        picture: result of `gamesolve.analysis.slice_field`.
        nullclines: whether to draw where the first component of the field is zero (solid) and where the second is
            (dashed).
        shading: whether to shade by the share of the field that points out of the plane, from 0 to 1. If nothing
            points out, there is no shading. A crossing of the nullclines in a dark area is not an equilibrium.
        axes: labels of the two axes.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Example:
        >>> import gamesolve as gs
        >>> axes = gs.plots.vector_field(gs.analysis.slice_field(gs.games.icr_quadratic(), (0.0, 0.0), num=9))
        >>> len(axes.images)  # in a game of two numbers the field cannot leave the plane
        0
    """
    picture, ax = of_kind("picture", picture, Slice, "gamesolve.analysis.slice_field"), paper.axes(ax)
    a, b = np.asarray(picture.a, float), np.asarray(picture.b, float)
    # A slice indexes its arrays by [a, b], matplotlib by [row, column].
    u, v = motion = np.ma.masked_invalid(np.asarray(picture.motion, float).T)
    out, norm = np.asarray(picture.out, float).T, np.asarray(picture.norm, float).T
    if shading and np.any(out > 1e-5 * np.nanmax(norm)):
        share = np.where(norm > 0, out / np.where(norm > 0, norm, 1), 0)
        reach = [(side[1] - side[0]) / 2 for side in (a, b)]  # a position is the centre of its pixel
        edges = (a[0] - reach[0], a[-1] + reach[0], b[0] - reach[1], b[-1] + reach[1])
        image = ax.imshow(share, LEAVING, Normalize(0, 1), extent=edges, origin="lower", aspect="auto", zorder=0)
        paper.colorbar(ax, image, "share out of the plane")
    if np.any(motion):
        ax.streamplot(a, b, u, v, color="#858585", linewidth=0.6, arrowsize=0.7, density=0.9, zorder=1)
    for values, line in zip((u, v), ("solid", "dashed"), strict=True):
        if nullclines and values.min() < 0 < values.max():
            ax.contour(a, b, values, levels=[0], colors=[NULLCLINE], linestyles=[line], linewidths=1, zorder=2)
    ax.set(xlim=(a[0], a[-1]), ylim=(b[0], b[-1]), xlabel=axes[0], ylabel=axes[1])
    return ax


def path_angle(path: Path, *, ax: Axes | None = None) -> Axes:
    """Draw the angle between a line and the field along it, and the norm of the field.

    Args:
        path: result of `gamesolve.analysis.path_angle`.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes of the cosine. The scale of the norm is on the right.

    Example:
        >>> import gamesolve as gs
        >>> path = gs.analysis.path_angle(gs.zero_sum(lambda x, y: x * y + x**2), (1.0, 1.0), (0.0, 0.0), num=5)
        >>> gs.plots.path_angle(path).get_xlabel()
        'position a: start at 0, end at 1'
    """
    path, ax = of_kind("path", path, Path, "gamesolve.analysis.path_angle"), paper.axes(ax)
    positions = np.asarray(path.a)
    right = paper.small(ax.twinx())
    right.plot(positions, np.asarray(path.norm), label="norm of the field", **styles.line(1))
    right.set_ylim(bottom=0)
    right.set_ylabel("norm of the field", color=styles.color(1))
    for place in (0, 1):
        ax.axvline(place, color=paper.FAINT, linewidth=1, zorder=0)
    ax.axhline(0, color=paper.GREY, linewidth=0.8, zorder=0)
    ax.plot(positions, np.asarray(path.cosine), label="cosine of the angle", **styles.line(0))
    ax.set(ylim=(-1.05, 1.05), xlabel="position a: start at 0, end at 1")
    ax.set_ylabel("cosine of the angle", color=styles.color(0))
    ax.margins(x=0)
    return ax
