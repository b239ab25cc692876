"""Where in the complex plane eigenvalues times the step size may lie."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optax
from matplotlib.axes import Axes

from gamesolve.analysis import stability_region
from gamesolve.plots import paper, styles


def stability_regions(
    makers: Mapping[str, Callable[[float], optax.GradientTransformation]],
    values: Mapping[str, Any] | None = None,
    *,
    low: complex = -2.5 - 2j,
    high: complex = 1 + 2j,
    num: int = 61,
    ax: Axes | None = None,
) -> Axes:
    """Draw the borders of solvers' stability regions, and eigenvalues of J times step sizes among them.

    Args:
        makers: for each name ``make_solver(step)``, as of `gamesolve.analysis.stability_region`.
        values: for each name a complex array: eigenvalues of J times a step size; a solver of first order settles iff
            all lie within its border.
        low: lower left corner of the view.
        high: upper right corner.
        num: positions along each side.
        ax: where to draw; axes of a new figure unless given.

    Returns:
        The axes; each region is shaded in its colour.

    Example:
        >>> import gamesolve as gs
        >>> axes = gs.plots.stability_regions({"simgd": gs.simgd}, {"J": [-0.2 + 0.5j, -0.2 - 0.5j]}, num=9)
        >>> axes.get_legend_handles_labels()[1]
        ['simgd', 'J']
    """
    ax = paper.axes(ax)
    real, imaginary = np.linspace(low.real, high.real, num), np.linspace(low.imag, high.imag, num)
    plane = real[None] + 1j * imaginary[:, None]
    ax.axhline(0, color=paper.FAINT, linewidth=0.6, zorder=0)
    ax.axvline(0, color=paper.GREY, linewidth=1, linestyle="--", zorder=1)
    for index, (name, make) in enumerate(makers.items()):
        amplification = np.asarray(stability_region(make, plane), float)
        amplification = np.nan_to_num(amplification, nan=np.inf, posinf=1e6).clip(max=1e6)
        line = styles.line(index, 1.4)
        ax.contourf(real, imaginary, amplification, levels=[0, 1], colors=[line["color"]], alpha=0.12)
        ax.contour(
            real,
            imaginary,
            amplification,
            levels=[1],
            colors=[line["color"]],
            linestyles=[line["linestyle"]],
            linewidths=[line["linewidth"]],
        )
        ax.plot([], [], label=name, **line)
    for index, (name, entries) in enumerate((values or {}).items()):
        points: Any = np.asarray(entries, complex).ravel()
        ax.plot(points.real, points.imag, label=name, color="black", zorder=4, **styles.hollow(index))
    ax.set(xlim=(low.real, high.real), ylim=(low.imag, high.imag), aspect="equal")
    ax.set(xlabel="real part of η λ", ylabel="imaginary part of η λ")
    return ax
