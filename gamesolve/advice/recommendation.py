"""The result of `recommend`: a solver, the table that it was chosen from, and why."""

import dataclasses
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gamesolve.advice.floors import Floor
from gamesolve.advice.probe import Probe
from gamesolve.solver import Solver
from gamesolve.trees.faces import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Column titles of the table.
TITLES = ("solver", "evaluations", "predicted", "rate", "predicted", "residual")


class Row(NamedTuple):
    """One tried solver; None where a number is not known.

    Attributes:
        name: name of the solver.
        code: the solver as Python.
        solver: the solver.
        measured: evaluations (fields and products with J) that it took to the target; None if it did not get there.
        predicted: the same, predicted from the linear model at the equilibrium; None for noisy and large games.
        rate: measured factor per step of the residual.
        predicted_rate: spectral radius of its step at the equilibrium.
        residual: smallest residual relative to the start, at the end of its trial; the noise floor of a noisy game.
        ending: "converged", "diverged", "dropped", "budget", or "unstable" if it converged to an unstable
            equilibrium.
        elsewhere: whether it converged to another equilibrium than the probe's.
        curve: residual after each recorded step, relative to the start.
        cost: evaluations between two entries of the curve.
        floor: predicted `Floor` of a noisy game, relative to the start; None without noise, for solvers whose steps
            adapt, and for large games.
    """

    name: str
    code: str
    solver: Solver
    measured: float | None
    predicted: float | None
    rate: float | None
    predicted_rate: float | None
    residual: float
    ending: str
    elsewhere: bool
    curve: np.ndarray
    cost: float
    floor: Floor | None = None


@shown("code")
@dataclasses.dataclass(frozen=True)
class Recommendation:
    """A recommended solver and its reasons. Printed, it is a table.

    Attributes:
        solver: the recommended solver, ready for `gamesolve.solve`; None if no tried solver made progress.
        why: one sentence that says why.
        table: the tried solvers, the best first, as `Row`.
        probe: the measurements of the game.
        target: factor by which the residual had to fall.
        spent: evaluations of the game that the recommendation took, see `Row`.
        budget: evaluations that it was allowed.
    """

    solver: Solver | None
    why: str
    table: tuple[Row, ...]
    probe: Probe
    target: float
    spent: int
    budget: int

    @property
    def code(self) -> str:
        """The recommended solver as Python, or "none"."""
        return "none" if self.solver is None else self.table[0].code

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the residual of the tried solvers over evaluations, with the target.

        Args:
            ax: axes to draw on. Default: axes of a new figure.

        Returns:
            The axes.
        """
        from gamesolve import plots

        curves = {row.code: row.curve for row in self.table}
        costs = {row.code: row.cost for row in self.table}
        axes = plots.convergence(curves, quantity="residual / start", cost=costs, unit="evaluations", ax=ax)
        axes.axhline(self.target, color="0.5", linewidth=0.8, linestyle=":")
        return plots.legend(axes, columns=1)

    def __str__(self) -> str:
        """Return the probe, the table and the sentence."""
        cells = [TITLES, *(_cells(row) for row in self.table)]
        if any(row.floor for row in self.table):  # residuals are noise floors
            floors = ["-" if row.floor is None else f"{row.floor.residual:.1e}" for row in self.table]
            cells = [(*row, floor) for row, floor in zip(cells, ["predicted", *floors], strict=True)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in cells]
        spent = f"spent {self.spent} of {self.budget} evaluations (fields and products with J)"
        return "\n".join([str(self.probe), "", *lines, "", f"recommended: {self.code}", self.why, spent])


def _cells(row: Row) -> tuple[str, ...]:
    count = lambda value: "-" if value is None or math.isinf(value) else f"{value:.0f}"
    factor = lambda value: "-" if value is None else f"{value:.4f}"
    measured = count(row.measured) if row.measured is not None else row.ending
    return row.code, measured, count(row.predicted), factor(row.rate), factor(row.predicted_rate), f"{row.residual:.1e}"
