"""Eigenvalues in the complex plane, with the region of stability."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gamesolve.plots import paper, styles
from gamesolve.plots.apart import apart
from gamesolve.plots.arguments import by_name, numbers

# Number of remarks in the corner of a spectrum; more would hide it.
MOST_REMARKS = 6
# Width of a marker of `leading` as a share of the view.
MARKER = 0.05


def spectrum(values: Mapping[str, ArrayLike], *, stable: str = "step", ax: Axes | None = None) -> Axes:
    """Draw eigenvalues in the complex plane, with the region of stability shaded.

    Args:
        values: complex arrays by name.
        stable: ``"step"`` for step maps, stable inside the unit circle, or ``"flow"`` for Jacobians, stable in the
            left half-plane.
        ax: axes to draw on. Default: axes of a new figure.

    Returns:
        The axes. For step maps the view holds the leading eigenvalue of each array if its modulus is at most two. A
        remark in the corner names the arrays outside the view, and empty ones.

    Raises:
        ValueError: if ``stable`` is another word.

    Example:
        >>> import gamesolve as gs
        >>> axes = gs.plots.spectrum({"J": gs.analysis.eigenvalues(gs.games.curl(), (1.0, 1.0))}, stable="flow")
        >>> axes.lines[-1].get_ydata().tolist()
        [1.0, -1.0]
    """
    if stable not in ("step", "flow"):
        raise ValueError(f"stable must be 'step' or 'flow', got {stable!r}.")
    values, ax = by_name("values", values, "complex arrays"), paper.axes(ax)
    points = {name: numbers(f"values[{name!r}]", entries, complex) for name, entries in values.items()}
    if stable == "step":
        shown, limits = _step_window(points)
    else:
        shown, limits = list(points), paper.square(np.concatenate([*points.values(), [0j]]), 0.15)
    _stable_region(ax, stable, limits)
    for index, (name, entries) in enumerate(points.items()):
        color = "black" if stable == "flow" else styles.color(index)
        ax.plot(np.real(entries), np.imag(entries), label=name, color=color, **styles.hollow(index))
    remarks = [f"{name}: modulus {abs(points[name]).max():.3g}, outside" for name in points if name not in shown]
    remarks += [f"{name}: none" for name, entries in points.items() if not entries.size]
    if len(remarks) > MOST_REMARKS:
        remarks = [*remarks[: MOST_REMARKS - 1], f"and {len(remarks) - MOST_REMARKS + 1} others"]
    if remarks:
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 2}
        ax.text(0.02, 0.98, "\n".join(remarks), transform=ax.transAxes, va="top", fontsize=8, bbox=box)
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="real part", ylabel="imaginary part", aspect="equal")
    return ax


def leading(values: Mapping[str, np.ndarray], *, ax: Axes) -> list[str]:
    """Draw the leading eigenvalue of each step map, so that no marker covers another one.

    Of a complex pair the upper one is drawn. Markers that would overlap are moved apart, and a thin line leads from
    each of them to the dot at its eigenvalue.

    Args:
        values: eigenvalues by name, empty if there are none.
        ax: axes to draw on.

    Returns:
        The names that are in the view, whose moduli are at most two.
    """
    shown, _ = _step_window(values)
    known = {name: values[name] for name in shown if values[name].size}
    most = {name: entries[np.argmax(np.abs(entries))] for name, entries in known.items()}
    places = np.array([complex(value.real, abs(value.imag)) for value in most.values()])
    limits = paper.square(np.append(places, 1.0), 0.25)
    _stable_region(ax, "step", limits)
    moved = apart(places, MARKER * (limits[0][1] - limits[0][0]))
    for name, place, marker in zip(most, places, moved, strict=True):
        index = list(values).index(name)
        if marker != place:
            ax.plot([place.real, marker.real], [place.imag, marker.imag], color=paper.GREY, linewidth=0.8, zorder=2)
            ax.plot(place.real, place.imag, ".", color="black", markersize=3, zorder=4)
        style = styles.hollow(index) | {"markersize": 7, "markerfacecolor": "white", "zorder": 3}
        ax.plot(marker.real, marker.imag, label=name, color=styles.color(index), **style)
    ax.set(xlim=limits[0], ylim=limits[1], xlabel="real part", ylabel="imaginary part", aspect="equal")
    return list(most)


def _step_window(points: Mapping[str, np.ndarray]) -> tuple[list[str], paper.Limits]:
    """Return the names that are shown, and a view that holds 1 and their leading eigenvalues."""
    known = {name: entries for name, entries in points.items() if entries.size}
    most = {name: entries[np.argmax(np.abs(entries))] for name, entries in known.items()}
    shown = [name for name in points if abs(most.get(name, 0)) <= 2]
    corners = [value for name, value in most.items() if name in shown]
    corners = np.array([*corners, *np.conj(corners), 1.0])
    return shown, paper.square(corners, 0.25)


def _stable_region(ax: Axes, stable: str, limits: paper.Limits) -> None:
    """Shade the region of stability, and draw its border."""
    shade: dict[str, Any] = {"color": paper.SHADE, "zorder": 0, "linewidth": 0}
    border: dict[str, Any] = {"color": paper.GREY, "linewidth": 1, "linestyle": "--", "zorder": 1}
    if stable == "flow":
        ax.axvspan(min(limits[0][0], 0.0), 0, **shade)
        ax.axvline(0, **border)
        return
    angle = np.linspace(0, 2 * np.pi, 721)
    ax.fill(np.cos(angle), np.sin(angle), **shade)
    ax.plot(np.cos(angle), np.sin(angle), **border)
