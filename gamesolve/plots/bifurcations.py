"""Bifurcation diagrams: curves of equilibria over a parameter, with what happens along them."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from matplotlib.axes import Axes

from gamesolve.analysis import Branch
from gamesolve.checks.calls import called
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import by_name, of_kind
from gamesolve.trees import Players, Scalar

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
        quantity: ``quantity(*players)``, the number that is drawn over the parameter.
        axes: labels of the two axes.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes, with a marker per event. Add a legend with ``plots.legend``.

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
        for branch in (several,) if isinstance(several, Branch) else several:
            of_kind(f"branches[{name!r}]", branch, Branch, SOURCE)
            heights = np.array([_height(quantity, branch.players, at) for at in range(len(branch.parameters))])
            _curve(ax, branch, heights, styles.color(index))
            for event in branch.events:
                events[event.kind].append((event.parameter, _height(quantity, event.players)))
    for kind, points in events.items():
        if points:
            style: dict[str, Any] = {
                "linestyle": "none",
                "marker": EVENTS[kind],
                "color": "black",
                "markerfacecolor": "white",
            }
            ax.plot(*np.transpose(points), label=kind, markersize=6, zorder=4, **style)
    ax.set(xlabel=axes[0], ylabel=axes[1])
    ax.grid(visible=True, color=paper.FAINT, linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def _height(quantity: Callable[..., Scalar], players: Players, at: int | None = None) -> float:
    point = players if at is None else jax.tree.map(lambda leaf: leaf[at], players)
    takes = f"{len(point)} players"
    return float(np.asarray(called("quantity", quantity, *point, takes=takes, hint=HINT)).reshape(()))


def _curve(ax: Axes, branch: Branch, heights: np.ndarray, color: str) -> None:
    """Draw the stable and the unstable parts of a curve. Where they change without an event, they meet at a point."""
    stable = np.asarray(branch.stable)
    edges = np.concatenate([[0], np.flatnonzero(stable[1:] != stable[:-1]) + 1, [len(stable)]])
    for first, last in itertools.pairwise(edges.tolist()):
        part = slice(max(first - 1, 0), last)
        ax.plot(branch.parameters[part], heights[part], color=color, **(STABLE if stable[first] else UNSTABLE))
