"""Maps: the rate of a solver over two hyperparameters, and the equilibrium it reaches from each start."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, TwoSlopeNorm
from numpy.typing import ArrayLike

from gamesolve.analysis import Basins
from gamesolve.driving.sweep import Table
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import of_kind
from gamesolve.trees import Players

# Rates beyond these share one colour.
FASTEST, SLOWEST = 0.5, 1.5
NOWHERE, GONE = "white", "#404040"


def rate_map(
    table: Table, *, boundary: Callable[[np.ndarray], ArrayLike] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the rate over a grid of two hyperparameters: blue converges, red diverges, grey is NaN.

    The solid line is where the rate passes 1.

    Args:
        table: result of `gamesolve.sweep` over two named axes, with rates as values. The first axis is horizontal. An
            axis whose values grow by a constant factor gets a logarithmic scale.
        boundary: ``boundary(first) -> second``, the theoretical limit of stability, drawn dashed. Default: none.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: if the table does not have two axes.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.curl()
        >>> rate = lambda eta, gamma: gs.analysis.rate(game, gs.conopt(eta, gamma), (0.0, 0.0))
        >>> table = gs.sweep(rate, {"eta": [0.1, 0.5, 0.9], "gamma": [0.5, 1.0, 1.5]})
        >>> axes = gs.plots.rate_map(table)
        >>> axes.get_xlabel(), axes.get_ylabel()
        ('eta', 'gamma')
    """
    if isinstance(of_kind("table", table, Table, "gamesolve.sweep").values, Mapping):
        names = ", ".join(map(str, table.values))
        raise TypeError(
            f"table must hold one number per point, got a dict of {names}. Choose one of them: "
            f"gs.Table(table.axes, table.values[{next(iter(table.values))!r}])."
        )
    if len(table.axes) != 2 or np.ndim(table.values) != 2:
        raise ValueError(
            f"table must have two axes and one number per point, got the axes {', '.join(table.axes)} and values of "
            f"{np.ndim(table.values)} dimensions."
        )
    (first, x), (second, y) = table.axes.items()
    rates = np.asarray(table.values, float).T
    ax = paper.axes(ax)
    shown = np.ma.masked_invalid(np.where(np.isposinf(rates), SLOWEST, rates))
    norm = TwoSlopeNorm(1.0, FASTEST, SLOWEST)
    ax.set_facecolor("#d0d0d0")
    drawn = ax.pcolormesh(x, y, shown, cmap="RdYlBu_r", norm=norm, shading="nearest", rasterized=True)
    paper.colorbar(ax, drawn, "factor per step")
    if np.nanmin(rates) < 1 < np.nanmax(rates):
        ax.contour(x, y, shown.filled(SLOWEST), levels=[1.0], colors="black", linewidths=1.2)
    scales = ["log" if _geometric(values) else "linear" for values in (x, y)]
    limits = ax.get_ylim()
    if boundary is not None:
        fine = np.geomspace(x[0], x[-1], 400) if scales[0] == "log" else np.linspace(x[0], x[-1], 400)
        ax.plot(fine, boundary(fine), color="black", linewidth=1.4, linestyle=(0, (4, 2)), label="theory")
    ax.set(xscale=scales[0], yscale=scales[1], ylim=limits, xlabel=first, ylabel=second)
    return ax


def basins(
    result: Basins,
    a: ArrayLike,
    b: ArrayLike,
    *,
    equilibria: Sequence[Players] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the equilibrium that each start converges to.

    Starts are white if they reach none in time, and dark grey if the run diverges.

    Args:
        result: result of `gamesolve.analysis.basins` from the starts ``slice_points(origin, directions, a, b)``.
        a: positions along the first direction.
        b: positions along the second direction.
        equilibria: equilibria of two numbers, marked in the colours of their basins. Default: none.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: if the number of starts differs from the number of positions.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> game, origin, a = gs.games.cosine(), (0.0, 0.0), jnp.linspace(-2.0, 2.0, 5)
        >>> plane = (gs.analysis.axis(origin, 0), gs.analysis.axis(origin, 1))
        >>> starts = gs.analysis.slice_points(origin, plane, a, a)
        >>> found = gs.analysis.basins(game, gs.conopt(0.1, 1.0), starts, 300)
        >>> axes = gs.plots.basins(found, a, a, equilibria=game.equilibria)
        >>> len(axes.lines)
        4
    """
    labels = np.asarray(of_kind("result", result, Basins, "gamesolve.analysis.basins").label)
    a, b = np.asarray(a), np.asarray(b)
    if labels.size != a.size * b.size:
        raise ValueError(
            f"result must have one start per position, got {labels.size} starts for {a.size} x {b.size} positions."
        )
    number = max(int(labels.max()) + 1, 0 if equilibria is None else len(equilibria))
    ax = paper.axes(ax)
    colours = ListedColormap([GONE, NOWHERE, *(styles.color(index) for index in range(number))])
    grid = labels.reshape(a.size, b.size).T
    ax.pcolormesh(
        a, b, grid, cmap=colours, vmin=-2.5, vmax=number - 0.5, alpha=0.75, shading="nearest", rasterized=True
    )
    for index, point in enumerate([] if equilibria is None else equilibria):
        x, y = (float(np.ravel(entry)[0]) for entry in point)
        face = styles.color(index)
        ax.plot(x, y, marker=styles.marker(index), color=face, markeredgecolor="black", markersize=7, clip_on=True)
    ax.set(xlim=(a[0], a[-1]), ylim=(b[0], b[-1]), xlabel="a", ylabel="b")
    return ax


def _geometric(values: np.ndarray) -> bool:
    """Whether values grow by a constant factor."""
    if len(values) < 3 or values.min() <= 0:
        return False
    factors = values[1:] / values[:-1]
    return bool(np.allclose(factors, factors[0], rtol=1e-3))
