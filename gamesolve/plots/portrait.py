"""Phase portraits: paths in a plane over the field, with the equilibria marked by their kind."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gamesolve.analysis import classify, slice_field
from gamesolve.checks.calls import called
from gamesolve.game import Game
from gamesolve.plots import paper, styles
from gamesolve.plots.arguments import by_name, numbers, of_kind, refuse_solution
from gamesolve.plots.landscape import vector_field
from gamesolve.trees import Players, PyTree

# Marker and colour of an equilibrium, by the first word of ``Certificate.kind``.
KINDS = {
    "stable": ("o", "#009E73"),
    "centre": ("o", "white"),
    "saddle": ("X", "#D55E00"),
    "unstable": ("s", "#D55E00"),
    "degenerate": ("D", "#CC79A7"),
    "Stackelberg": ("^", "#0072B2"),
    "no": ("|", "black"),
}


def phase_portrait(
    paths: Mapping[str, PyTree],
    *,
    field: Game | Callable[[np.ndarray], np.ndarray] | None = None,
    start: ArrayLike | None = None,
    equilibrium: ArrayLike | None = None,
    axes: Sequence[str] = ("player 0", "player 1"),
    view: paper.Limits | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw paths in a plane, over the field.

    Hollow circles mark where the paths begin. Paths that leave the view are cut off.

    Args:
        paths: points of the paths by name: arrays of shape (steps, 2), or the two arrays that
            ``gs.solve(..., record=lambda players, state: players).trace`` holds in a game of two numbers. A path
            without points is left out, but keeps its colour. There may be no paths if a view is given.
        field: a game of two numbers, to draw streamlines, nullclines and its known equilibria by kind; or a function
            that maps points of shape (m, 2) to the field there, to draw arrows. Default: none.
        start: the two coordinates where all paths begin, put before their points, because a record of
            `gamesolve.solve` does not include the start. Default: each path begins at its first point.
        equilibrium: the two coordinates of an equilibrium, marked by a star. Default: none.
        axes: labels of the two axes.
        view: ``((left, right), (bottom, top))``. Default: a square around the equilibrium that holds the starts, or
            around the paths if there is no equilibrium.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: if there is neither a path nor a view.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.zero_sum(lambda x, y: x * y)
        >>> run = gs.solve(game, gs.cgd(0.5), (1.0, 1.0), 20, record=lambda players, state: players)
        >>> axes = gs.plots.phase_portrait(
        ...     {"cgd": run.trace}, field=game, start=(1.0, 1.0), equilibrium=(0.0, 0.0)
        ... )
        >>> [line.get_label() for line in axes.lines][0]
        'cgd'
    """
    points = {name: _points(path) for name, path in by_name("paths", paths, "points").items()}
    if start is not None:
        begin = np.ravel(np.asarray(start, float))[None]
        points = {name: np.concatenate([begin, path]) if len(path) else path for name, path in points.items()}
    drawn = [path for path in points.values() if len(path)]
    if not drawn and view is None:
        raise ValueError("paths must hold a point, got none. Pass view= to draw the field alone.")
    ax = paper.axes(ax)
    view = _window(drawn, equilibrium) if view is None else view
    if isinstance(field, Game):
        _flow(ax, field, view)
    elif field is not None:
        _arrows(ax, field, view)
    _draw_paths(ax, points, view)
    if equilibrium is not None:
        place = np.asarray(equilibrium, float)
        ax.plot(*place, marker="*", markerfacecolor="#F0E442", markeredgecolor="black", markersize=13, zorder=6)
    ax.set(xlim=view[0], ylim=view[1], xlabel=axes[0], ylabel=axes[1], aspect="equal")
    return ax


def equilibria(game: Game, points: Sequence[Players], *, ax: Axes | None = None) -> Axes:
    """Mark equilibria of a game of two numbers by their kind.

    Filled circles are stable, hollow circles are centres, crosses are saddles, squares are unstable and diamonds are
    degenerate. A black rim means a Nash equilibrium, a thin grey rim means none.

    Args:
        game: the game, bound to its data.
        points: players of each equilibrium, for example those of `gamesolve.analysis.find_equilibria`.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes. The markers are labelled with the certificate's ``kind``, each kind once, for a legend.

    Example:
        >>> import gamesolve as gs
        >>> game = gs.games.cosine()
        >>> axes = gs.plots.equilibria(game, game.equilibria)
        >>> axes.get_legend_handles_labels()[1]
        ['centre, not Nash', 'saddle, not Nash']
    """
    game, ax = of_kind("game", game, Game, "gamesolve.zero_sum"), paper.axes(ax)
    known: set[str] = set()
    for players in points:
        kind = classify(game, players).kind
        marker, face = KINDS[kind.split()[0].rstrip(",")]
        nash = "not" not in kind
        ax.plot(
            *(np.ravel(leaf) for leaf in jax.tree.leaves(players)),
            linestyle="none",
            marker=marker,
            markersize=7,
            markerfacecolor=face,
            markeredgecolor="black" if nash or face == "white" else paper.GREY,
            markeredgewidth=1.4 if nash else 0.8,
            label="_" if kind in known else kind,
            zorder=5,
        )
        known.add(kind)
    return ax


def _draw_paths(ax: Axes, paths: Mapping[str, np.ndarray], view: paper.Limits) -> None:
    """Draw paths with their ends, and a circle where they begin."""
    for index, (name, path) in enumerate(paths.items()):
        if len(path):
            visible = path[: _first_outside(path, view)]
            ax.plot(*visible.T, label=name, **styles.line(index, 1.1), zorder=3)
            ax.plot(*visible[-1], marker=styles.marker(index), color=styles.color(index), markersize=5, zorder=4)
    for place in {tuple(path[0]) for path in paths.values() if len(path)}:
        ax.plot(*place, marker="o", markerfacecolor="white", markeredgecolor="black", markersize=5, zorder=5)


def _points(path: PyTree) -> np.ndarray:
    """Return the points of a path, which may come as one array per player."""
    refuse_solution("a path", path)
    if isinstance(path, tuple):
        path = np.stack([np.asarray(leaf, float).reshape(len(leaf)) for leaf in jax.tree.leaves(path)], axis=1)
    points = numbers("a path", path)
    if points.size and (points.ndim != 2 or points.shape[1] != 2):
        raise ValueError(f"a path must have shape (steps, 2), got shape {points.shape}.")
    return points


def _flow(ax: Axes, game: Game, view: paper.Limits) -> None:
    """Draw the flow of a game of two numbers, and its known equilibria."""
    origin = jax.tree.map(jnp.zeros_like, game.start) if game.start is not None else (0.0, 0.0)
    low, high = zip(*view, strict=True)
    vector_field(slice_field(game, origin, low=low, high=high), shading=False, ax=ax)
    # The catalogue knows equilibria that the grid of the slice may miss.
    equilibria(game, game.equilibria, ax=ax)


def _window(paths: Sequence[np.ndarray], equilibrium: ArrayLike | None) -> paper.Limits:
    """Return a square view around an equilibrium that holds the starts, or else around the paths."""
    starts = np.array([path[0] for path in paths])
    if equilibrium is None:
        points = np.concatenate(paths)
        points = points[np.isfinite(points).all(axis=1)]
        reach = 20 * max(1.0, float(np.abs(starts).max()))
        points = points[(np.abs(points) < reach).all(axis=1)]
        return paper.square(points[:, 0] + 1j * points[:, 1], 0.05)
    centre = np.asarray(equilibrium, float)
    half = 1.6 * max(float(np.linalg.norm(starts - centre, axis=1).max()), 1e-12)
    return (centre[0] - half, centre[0] + half), (centre[1] - half, centre[1] + half)


def _first_outside(path: np.ndarray, view: paper.Limits) -> int:
    """Return where to cut a path: after the first point that is not finite or outside a view three times as large."""
    low, high = np.transpose(view)
    inside = (path >= low - (high - low)) & (path <= high + (high - low))
    inside = inside.all(axis=1)
    return len(path) if inside.all() else int(np.argmin(inside)) + 1


def _arrows(ax: Axes, field: Callable[[np.ndarray], np.ndarray], view: paper.Limits) -> None:
    x, y = np.meshgrid(*(np.linspace(*limits, 17)[1:-1] for limits in view))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    arrows = np.asarray(called("field", field, points, takes=paper.POINTS, hint=paper.OF_POINTS), float)
    arrows = np.where(np.isfinite(arrows), arrows, 0)
    lengths = np.linalg.norm(arrows, axis=1, keepdims=True)
    u, v = (arrows / np.where(lengths > 0, lengths, 1)).T
    ax.quiver(x, y, u.reshape(x.shape), v.reshape(x.shape), color="#c4c4c4", pivot="mid", width=0.004, zorder=1)
