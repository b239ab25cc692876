"""Stability regions: where in the complex plane eigenvalues times the step size may lie."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import optax
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gamesolve.analysis import stability_region
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import by_name, numbers


def stability_regions(
    makers: Mapping[str, Callable[[float], optax.GradientTransformation]],
    values: Mapping[str, ArrayLike] | None = None,
    *,
    low: complex = -2.5 - 2j,
    high: complex = 1 + 2j,
    num: int = 61,
    ax: Axes | None = None,
) -> Axes:
    """Draw the stability regions of solvers, and eigenvalues of J times a step size.

    A first-order solver converges locally if and only if all these eigenvalues lie within its region.

    Args:
        makers: ``make_solver(step)`` by name, as for `gamesolve.analysis.stability_region`.
        values: complex arrays by name: eigenvalues of J times a step size. Default: none.
        low: lower left corner of the view.
        high: upper right corner of the view.
        num: number of grid points along each side.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes. Each region is shaded in its solver's colour.

    Example:
        >>> import gamesolve as gs
        >>> axes = gs.plots.stability_regions({"simgd": gs.simgd}, {"J": [-0.2 + 0.5j, -0.2 - 0.5j]}, num=9)
        >>> axes.get_legend_handles_labels()[1]
        ['simgd', 'J']
    """
    makers, ax = by_name("makers", makers, "functions make_solver(step)"), paper.axes(ax)
    x, y = np.linspace(low.real, high.real, num), np.linspace(low.imag, high.imag, num)
    ax.axhline(0, color=paper.FAINT, linewidth=0.6, zorder=0)
    ax.axvline(0, color=paper.GREY, linewidth=1, linestyle="--", zorder=1)
    for index, (name, make) in enumerate(makers.items()):
        line = styles.line(index, 1.4)
        amplification = np.asarray(stability_region(make, x[None] + 1j * y[:, None]), float)
        _region(ax, x, y, np.nan_to_num(amplification, nan=np.inf, posinf=1e6).clip(max=1e6), line)
        ax.plot([], [], label=name, **line)
    for index, (name, entries) in enumerate(by_name("values", values or {}, "complex arrays").items()):
        points = numbers(f"values[{name!r}]", entries, complex).ravel()
        ax.plot(np.real(points), np.imag(points), label=name, color="black", zorder=4, **styles.hollow(index))
    ax.set(xlim=(low.real, high.real), ylim=(low.imag, high.imag), aspect="equal")
    ax.set(xlabel="real part of η λ", ylabel="imaginary part of η λ")
    return ax


def _region(ax: Axes, x: np.ndarray, y: np.ndarray, amplification: np.ndarray, line: dict[str, Any]) -> None:
    """Shade where the amplification is below 1, and draw the border."""
    color, dashes, width = [line["color"]], [line["linestyle"]], [line["linewidth"]]
    ax.contourf(x, y, amplification, levels=[0, 1], colors=color, alpha=0.12)
    ax.contour(x, y, amplification, levels=[1], colors=color, linestyles=dashes, linewidths=width)
