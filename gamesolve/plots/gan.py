"""Pictures of a GAN: the generator's examples and the discriminator's belief that a point is real."""

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import ArrayLike

from gamesolve.checks.calls import called
from gamesolve.plots import paper
from gamesolve.plots.arguments import numbers

REAL, MADE = "#0072B2", "#D55E00"
# Light means real. The dark end is light enough for points on top.
BELIEF = LinearSegmentedColormap.from_list("belief", ["#717171", "white"])
# Angles end at pi, but the cyclic colormap would be white there.
LIGHT = 1.15 * np.pi
Judge = Callable[[np.ndarray], ArrayLike]


def density(
    real: ArrayLike,
    made: ArrayLike,
    *,
    judge: Judge | None = None,
    view: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw histograms of real and generated numbers, and the discriminator's belief over them.

    Args:
        real: real examples, of shape (n,) or (n, 1).
        made: generated examples.
        judge: maps numbers of shape (m, 1) to the discriminator's logits. Its belief that they are real, from 0 to 1,
            is drawn against the scale on the right. Default: none.
        view: smallest and largest number shown. Default: all real numbers, with a margin.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes of the histograms.

    Example:
        >>> import numpy as np
        >>> from gamesolve import plots
        >>> axes = plots.density(np.linspace(-1, 1, 50), np.linspace(0, 2, 50), judge=lambda x: -x)
        >>> axes.get_ylabel(), len(axes.patches)
        ('density', 2)
    """
    ax = paper.axes(ax)
    real, made = np.ravel(numbers("real", real)), np.ravel(numbers("made", made))
    spread = real.max() - real.min()
    low, high = (real.min() - spread / 2, real.max() + spread / 2) if view is None else view
    edges = np.linspace(low, high, 61).tolist()
    for values, colour, name in ((real, REAL, "real"), (made, MADE, "generated")):
        ax.hist(values, edges, density=True, histtype="stepfilled", alpha=0.45, color=colour, label=name)
    ax.set(xlim=(low, high), xlabel="x", ylabel="density")
    if judge is not None:
        x = np.linspace(low, high, 301)
        right = paper.small(ax.twinx())
        right.plot(x, _belief(judge, x[:, None]), color="black", linewidth=1.2, label="discriminator")
        right.set(ylim=(-0.02, 1.02), ylabel="belief that x is real")
    return ax


def discriminator(judge: Judge, view: paper.Limits, *, num: int = 61, ax: Axes | None = None) -> Axes:
    """Draw contours of the discriminator's belief that a point of the plane is real.

    Args:
        judge: maps points of shape (m, 2) to the discriminator's logits.
        view: ``((left, right), (bottom, top))``.
        num: number of grid points along each side.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes. Light means real, and the black line is a belief of one half.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.discriminator(lambda points: points[:, 0], ((-3, 3), (-3, 3)))
        >>> len(axes.collections)  # the contours, and the line
        2
    """
    ax = paper.axes(ax)
    x, y, belief = _surface(judge, view, num)
    ax.contourf(x, y, belief, levels=np.linspace(0, 1, 11), cmap=BELIEF, zorder=0)
    if belief.min() < 0.5 < belief.max():
        ax.contour(x, y, belief, levels=[0.5], colors="black", linewidths=1)
    ax.set(xlim=view[0], ylim=view[1], aspect="equal")
    return ax


def samples(
    real: ArrayLike,
    made: ArrayLike,
    *,
    judge: Judge | None = None,
    view: paper.Limits | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw real and generated points of the plane, over the discriminator's contours.

    Args:
        real: real examples, of shape (n, 2).
        made: generated examples, of shape (m, 2).
        judge: as in `discriminator`. Default: none, which draws no contours.
        view: ``((left, right), (bottom, top))``. Default: a square around the real examples.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Example:
        >>> import numpy as np
        >>> from gamesolve import plots
        >>> axes = plots.samples(np.eye(2), np.zeros((3, 2)))
        >>> [len(patches.get_offsets()) for patches in axes.collections]
        [2, 3]
    """
    ax = paper.axes(ax)
    real, made = numbers("real", real), numbers("made", made)
    view = paper.square(real[:, 0] + 1j * real[:, 1], 0.25) if view is None else view
    if judge is not None:
        discriminator(judge, view, ax=ax)
    for points, colour, name in ((real, REAL, "real"), (made, MADE, "generated")):
        ax.scatter(*points.T, s=9, color=colour, alpha=0.7, edgecolor="white", linewidth=0.3, label=name, zorder=3)
    ax.set(xlim=view[0], ylim=view[1], aspect="equal")
    return ax


def latent_map(latents: ArrayLike, made: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw a line from every latent to its generated example, coloured by the latent's angle.

    Args:
        latents: latents, of shape (n, 2).
        made: generated examples, of shape (n, 2).
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: if the shapes differ or are not (n, 2).

    Example:
        >>> import numpy as np
        >>> from gamesolve import plots
        >>> axes = plots.latent_map(np.eye(2), 2 * np.eye(2))
        >>> len(axes.collections[0].get_segments())
        2
    """
    latents, made = numbers("latents", latents), numbers("made", made)
    if latents.shape != made.shape or latents.shape[1:] != (2,):
        raise ValueError(f"latents and made must both have shape (n, 2), got {latents.shape} and {made.shape}.")
    ax = paper.axes(ax)
    angle = np.arctan2(latents[:, 1], latents[:, 0])
    ways = LineCollection(list(np.stack([latents, made], axis=1)), cmap="twilight", linewidths=0.6, alpha=0.6)
    ways.set_array(angle)
    ways.set_clim(-LIGHT, LIGHT)
    ax.add_collection(ways)
    ax.scatter(*latents.T, s=3, color=paper.GREY, label="latent", zorder=2)
    ax.scatter(
        *made.T,
        s=10,
        c=angle,
        cmap="twilight",
        vmin=-LIGHT,
        vmax=LIGHT,
        edgecolor="black",
        linewidth=0.3,
        label="generated",
        zorder=3,
    )
    ax.set(aspect="equal")
    ax.autoscale_view()
    return ax


def surface(
    judge: Judge,
    view: paper.Limits,
    *,
    made: ArrayLike | None = None,
    real: ArrayLike | None = None,
    num: int = 41,
    ax: Any = None,
) -> Any:
    """Draw the discriminator's belief as a surface, with the examples on the floor below it.

    Args:
        judge: maps points of shape (m, 2) to the discriminator's logits.
        view: ``((left, right), (bottom, top))``.
        made: generated examples, of shape (n, 2). Default: none.
        real: real examples, of shape (n, 2). Default: none.
        num: number of grid points along each side.
        ax: axes with ``projection="3d"``. Default: axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: if the axes do not have three dimensions.

    Example:
        >>> from gamesolve import plots
        >>> axes = plots.surface(lambda points: points[:, 0], ((-3, 3), (-3, 3)), num=5)
        >>> axes.get_zlabel()
        'belief'
    """
    if ax is not None and ax.name != "3d":
        raise ValueError('ax must have three dimensions. Make it with figure.add_subplot(projection="3d").')
    ax = paper.axes(ax, projection="3d")
    x, y, belief = _surface(judge, view, num)
    ax.plot_surface(*np.meshgrid(x, y), belief, cmap="cividis", vmin=0, vmax=1, linewidth=0, alpha=0.85)
    for points, colour, name in ((real, REAL, "real"), (made, MADE, "generated")):
        if points is not None:
            seen = np.asarray(points, float)
            seen = seen[(seen >= [view[0][0], view[1][0]]).all(axis=1) & (seen <= [view[0][1], view[1][1]]).all(axis=1)]
            ax.scatter(*seen.T, -0.5, s=4, color=colour, label=name, depthshade=False)
    ax.set(xlim=view[0], ylim=view[1], zlim=(-0.5, 1.0), zticks=[0, 0.5, 1])
    ax.set_zlabel("belief", fontsize=paper.SMALL)
    ax.set_box_aspect(None, zoom=0.85)  # layouts leave no room for the label of the third axis
    ax.tick_params(labelsize=paper.SMALL - 2)
    return ax


def _surface(judge: Judge, view: paper.Limits, num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = (np.linspace(*limits, num) for limits in view)
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return x, y, _belief(judge, points).reshape(num, num)


def _belief(judge: Judge, points: np.ndarray) -> np.ndarray:
    """Return the sigmoid of the logits, without overflow."""
    logits = numbers("judge(points)", called("judge", judge, points, takes=paper.POINTS, hint=paper.OF_POINTS))
    return 0.5 * (1 + np.tanh(np.ravel(logits) / 2))
