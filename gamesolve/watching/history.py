"""The rows that a verdict looks at: the last ones as arrays, and the extremes of all of them.

The extremes are updated row by row, so that a verdict takes equally long after any number of rows.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

# The entries of a `measures.Measured` as numbers and lists, with its ``step``.
Row = dict[str, Any]

# Number of measurements that a verdict looks at.
RECENT = 12
# Number of places of the path in which close returns are sought.
PAST = 200
# Growth of the spread after which clumps are counted anew: those of a smaller reach are other ones.
GROWTH = 1.2


class Extremes(NamedTuple):
    """The extremes of some rows from the start of a run.

    Attributes:
        first: place of the first row.
        peaks: largest norm of each player's gradient.
        scale: scale of each player's gradient where it was largest.
        radius: largest distance from the first place.
        largest: largest norm of the players.
        noisy: whether two draws of the data gave different fields.
        spread: largest spread of the outputs.
        reference: spread at which ``widest`` began.
        widest: largest variety of the outputs since their largest spread has been near ``reference``.
    """

    first: np.ndarray
    peaks: np.ndarray
    scale: np.ndarray
    radius: float
    largest: float
    noisy: bool
    spread: float
    reference: float
    widest: float


class Window(NamedTuple):
    """The last measurements, as arrays with one entry per row, and the extremes.

    Attributes:
        rows: arrays by name.
        field: norm of the field.
        distance: distance from the first players.
        places: the last places of the path, more than there are rows in the window.
        before: extremes of the rows before the window.
        whole: extremes of all rows.
    """

    rows: Mapping[str, np.ndarray]
    field: np.ndarray
    distance: np.ndarray
    places: np.ndarray
    before: Extremes
    whole: Extremes

    def __getitem__(self, name: Any) -> Any:
        """Return the array of a measurement, by name."""
        return self.rows[name]

    @property
    def share(self) -> float:
        """Last norm of the field over the largest one; 0 if the field was always zero."""
        peak = float(np.max(self.whole.peaks))
        return float(self.field[-1]) / peak if peak else 0.0

    @property
    def steps(self) -> int:
        """Number of steps between the first and the last row."""
        return int(self["step"][-1] - self["step"][0])


def extended(extremes: Extremes | None, row: Row) -> Extremes:
    """Return the extremes of some rows and of the next one."""
    place, norms = np.array(row["place"], float), np.array(row["norms"], float)
    scale = np.minimum(np.array(row["scale"], float), np.finfo(np.float32).max)
    noisy = bool(np.any(np.abs(np.array(row["signal"], float) - 1) > 1e-3))
    if extremes is None:
        spread = row["spread"]
        return Extremes(place, norms, scale, 0.0, row["size"], noisy, spread, spread, row["variety"])
    higher = norms > extremes.peaks
    spread = float(np.fmax(extremes.spread, row["spread"]))
    known = spread <= GROWTH * extremes.reference
    return Extremes(
        extremes.first,
        np.where(higher, norms, extremes.peaks),
        np.where(higher, scale, extremes.scale),
        max(extremes.radius, float(np.linalg.norm(place - extremes.first))),
        max(extremes.largest, row["size"]),
        extremes.noisy or noisy,
        spread,
        extremes.reference if known else spread,
        float(np.fmax(extremes.widest, row["variety"])) if known else row["variety"],
    )


def of_all(rows: Sequence[Row], extremes: Extremes | None = None) -> Extremes | None:
    """Return the extremes of rows, those of earlier ones included; None if there are no rows."""
    return functools.reduce(extended, rows, extremes)


def window(rows: Sequence[Row], before: Extremes | None) -> Window:
    """Return the window at the end of rows, of which there are 12 (``RECENT``) or more."""
    last = rows[-RECENT:]
    recent = {name: np.array([row[name] for row in last], float) for name in last[0]}
    before = extended(None, last[0]) if before is None else before
    whole = functools.reduce(extended, last, before)
    return Window(
        recent,
        np.linalg.norm(recent["norms"], axis=1),
        np.linalg.norm(recent["place"] - whole.first, axis=1),
        np.array([row["place"] for row in rows[-PAST:]], float),
        before,
        whole,
    )
