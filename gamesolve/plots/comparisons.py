"""The figure of one game: the path, convergence curve and eigenvalues of every solver, each in its own colour."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gamesolve.plots import paper, styles
from gamesolve.plots.curves import convergence
from gamesolve.plots.portrait import phase_portrait
from gamesolve.plots.spectra import leading, spectrum

# Letters in a line below a panel, and lines.
LINE, MOST_LINES = 52, 4


def comparison(data: Any) -> Figure:
    """Draw the figure of one game: paths, convergence, the spectrum of its Jacobian and those of the step maps.

    Each curve carries its own marker at its own places, so that curves that coincide can be told apart. Markers of
    eigenvalues that would overlap are moved apart, with a line to their eigenvalue. A solver without eigenvalues is
    named below the panel, with the reason.

    Args:
        data: a `gamesolve.compare.Picture`.

    Returns:
        The figure. Save it with ``figure.savefig``.
    """
    if not hasattr(data, "spectra"):
        raise TypeError(f"data must be a Picture, got {type(data).__name__}. Make one with gamesolve.compare.")
    indices = {name: index for index, (name, path) in enumerate(data.paths.items()) if len(path)}
    figure = paper.Sheet(figsize=(7.8, 7.2), dpi=130, layout="constrained")
    grid: Any = figure.subplots(2, 2)
    phase_portrait(data.paths, field=data.field, equilibrium=data.equilibrium, axes=data.axes, ax=grid[0, 0])
    grid[0, 0].set_title(f"paths: {data.view}")
    convergence(data.curves, quantity=data.quantity, ax=grid[0, 1])
    grid[0, 1].set_title("convergence")
    for panel in grid[0]:
        styles.stagger(panel, indices)
    if data.eigenvalues is None:
        _say(grid[1, 0], "too many parameters for a dense spectrum")
    else:
        spectrum({"J": data.eigenvalues}, stable="flow", ax=grid[1, 0])
    grid[1, 0].set_title(f"eigenvalues of J at the {data.place}")
    grid[1, 1].set_title("leading eigenvalue of each step")
    _steps(grid[1, 1], data, indices)
    styles.legend(figure, indices)
    figure.suptitle(data.title, fontsize=13)
    return figure


def _steps(ax: Axes, data: Any, indices: Mapping[str, int]) -> None:
    """Draw the leading eigenvalues of the step maps, and say below them why some are missing."""
    # Empty entries keep each solver's colour the same in all panels.
    spectra = {name: data.spectra.get(name, np.empty(0)) for name in data.paths}
    shown = leading(spectra, ax=ax)
    reasons: dict[str, list[str]] = {}
    for name in indices:
        if spectra[name].size and name not in shown:
            reasons.setdefault(f"modulus {np.abs(spectra[name]).max():.3g}", []).append(name)
        elif name not in shown:
            reasons.setdefault(data.missing.get(name, "not known"), []).append(name)
    if not shown:
        ax.clear()
        reason = "; ".join(reasons) or "no equilibrium reached"
        _say(ax, "\n".join(textwrap.wrap(f"no eigenvalues in the view: {reason}", LINE)[:MOST_LINES]))
        ax.set_title("leading eigenvalue of each step")
        return
    remarks = [f"not shown: {', '.join(names)} ({reason})" for reason, names in reasons.items()]
    lines = [line for remark in remarks for line in textwrap.wrap(remark, LINE)]
    lines = lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "and others"]
    ax.set_xlabel("\n".join(["real part", *lines]))


def _say(ax: Axes, text: str) -> None:
    """Write a remark in place of a picture."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=paper.GREY)
    ax.set_axis_off()
