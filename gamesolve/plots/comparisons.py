"""The figure of one game: the path, convergence curve and eigenvalues of every solver, each in its own colour."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gamesolve.plots import paper, styles
from gamesolve.plots.curves import convergence
from gamesolve.plots.portrait import phase_portrait
from gamesolve.plots.spectra import spectrum


def comparison(data: Any) -> Figure:
    """Draw the figure of one game: paths, convergence, the spectrum of its Jacobian and those of the step maps.

    Args:
        data: a `gamesolve.compare.Picture`.

    Returns:
        The figure. Save it with ``figure.savefig``.
    """
    if not hasattr(data, "spectra"):
        raise TypeError(f"data must be a Picture, got {type(data).__name__}. Make one with gamesolve.compare.")
    figure = paper.Sheet(figsize=(9.0, 7.6), dpi=110, layout="constrained")
    grid: Any = figure.subplots(2, 2)
    phase_portrait(data.paths, field=data.field, equilibrium=data.equilibrium, axes=data.axes, ax=grid[0, 0])
    grid[0, 0].set_title(f"paths: {data.view}", fontsize=10)
    convergence(data.curves, quantity=data.quantity, ax=grid[0, 1])
    grid[0, 1].set_title("convergence", fontsize=10)
    if data.eigenvalues is None:
        _say(grid[1, 0], "too many parameters for a dense spectrum")
    else:
        spectrum({"J": data.eigenvalues}, stable="flow", ax=grid[1, 0])
    grid[1, 0].set_title(f"eigenvalues of J at the {data.place}", fontsize=10)
    if data.spectra:
        # Empty entries keep each solver's colour the same in all panels.
        spectrum({name: data.spectra.get(name, ()) for name in data.paths}, ax=grid[1, 1])
    else:
        _say(grid[1, 1], "no equilibrium reached")
    grid[1, 1].set_title("leading eigenvalues of each solver's step", fontsize=10)
    styles.legend(figure, {name: index for index, (name, path) in enumerate(data.paths.items()) if len(path)})
    figure.suptitle(data.title, fontsize=12)
    return figure


def _say(ax: Axes, text: str) -> None:
    """Write a remark in place of a picture."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=paper.GREY)
    ax.set_axis_off()
