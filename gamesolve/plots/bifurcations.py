"""Bifurcation diagrams: curves of equilibria over a parameter, with a marker per event."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes

from gamesolve.analysis import Branch
from gamesolve.checks import check_real
from gamesolve.checks.calls import called
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import by_name, of_kind
from gamesolve.trees import Players, PyTree, Scalar

# Marker of an event, by its kind.
EVENTS = {"fold": ">", "branch point": "D", "Hopf point": "o"}

STABLE: dict[str, Any] = {"linestyle": "-", "linewidth": 1.8}
UNSTABLE: dict[str, Any] = {"linestyle": (0, (3, 2)), "linewidth": 1.1}
MARK: dict[str, Any] = {"linestyle": "none", "color": "black", "markerfacecolor": "white", "markersize": 6, "zorder": 4}

SOURCE, HINT = "gamesolve.analysis.follow", "Write lambda x, y: ... with one argument per player."


def bifurcation(
    branches: Mapping[str, Branch | Iterable[Branch]],
    quantity: Callable[..., Scalar],
    *,
    axes: tuple[str, str] = ("parameter", "quantity"),
    ax: Axes | None = None,
) -> Axes:
    """Draw curves of equilibria over the parameter: solid where they are stable, dashed where they are not.

    Args:
        branches: results of ``analysis.follow`` by name, or several of them under one name, such as the result of
            ``analysis.branches_at``.
        quantity: ``quantity(*players)``, the real number to draw over the parameter; it is mapped with ``jax.vmap``.
        axes: labels of the two axes.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes, with a marker per event. Add a legend with ``plots.legend``.

    Raises:
        TypeError: if ``branches`` does not hold branches, or ``quantity`` does not return a real number.
        ValueError: if ``quantity`` returns an array.

    Example:
        >>> import gamesolve as gs
        >>> make_game = lambda c: gs.general_sum(lambda x, y: c * x - x**3 / 3 + x * y, lambda x, y: -(y**2) / 2)
        >>> branch = gs.analysis.follow(make_game, (-1.0, 0.0), (1.0, -1.0))
        >>> axes = gs.plots.bifurcation({"x": branch}, lambda x, y: x, axes=("c", "x"))
        >>> axes.get_legend_handles_labels()[1]
        ['x', 'fold']
    """
    branches, ax = by_name("branches", branches, "branches"), paper.axes(ax)
    events: dict[str, list[tuple[float, float]]] = {kind: [] for kind in EVENTS}
    for index, (name, several) in enumerate(branches.items()):
        ax.plot([], [], color=styles.color(index), label=name, **STABLE)
        is_one = isinstance(several, Branch) or not isinstance(several, Iterable)
        for each in (several,) if is_one else several:
            branch = of_kind(f"branches[{name!r}]", each, Branch, SOURCE)
            _curve(ax, branch, _heights(quantity, branch.players), styles.color(index))
            for event in branch.events:
                point = jax.tree.map(lambda leaf: leaf[None], event.players)
                events[event.kind].append((event.parameter, float(_heights(quantity, point)[0])))
    for kind, points in events.items():
        if points:
            ax.plot(*np.transpose(points), label=kind, marker=EVENTS[kind], **MARK)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.grid(visible=True, color=paper.FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def _heights(quantity: Callable[..., Scalar], players: Players) -> np.ndarray:
    """Return the quantity at each of several points, which are stacked along the first axis."""

    def height(*point: PyTree) -> jax.Array:
        value = called("quantity", quantity, *point, takes=f"{len(point)} players", hint=HINT)
        check_real("the result of quantity", value, "one number")
        if jnp.shape(value) != ():
            raise ValueError(
                f"quantity must return one number, got an array of shape {jnp.shape(value)}. Return one of its entries."
            )
        return jnp.asarray(value)

    try:
        return np.asarray(jax.vmap(height)(*players), float)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        raise TypeError(
            "quantity must accept traced players, got a function that needs their values. Use jax.numpy functions."
        ) from None


def _curve(ax: Axes, branch: Branch, heights: np.ndarray, color: str) -> None:
    """Draw the stable and the unstable parts of a curve."""
    stable, lead = np.asarray(branch.stable), np.max(np.real(branch.eigenvalues), axis=1)
    # An event is neither stable nor unstable beyond rounding, so the other end of a piece decides.
    solid = (stable[1:] | stable[:-1]) & (lead[1:] + lead[:-1] < 0)
    edges = np.concatenate([[0], np.flatnonzero(solid[1:] != solid[:-1]) + 1, [len(solid)]])
    for first, last in itertools.pairwise(edges.tolist()):
        part = slice(first, last + 1)
        style = STABLE if np.any(solid[first:last]) else UNSTABLE
        ax.plot(branch.parameters[part], heights[part], color=color, **style)
