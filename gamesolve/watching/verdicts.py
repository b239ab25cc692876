"""Name the state of a training from its measurements: a pure function of the rows.

Each state has a function that returns its evidence in a sentence, or None. `judge` asks them in the order of `STATES`,
and the first with evidence decides: a run that leaves all bounds is not also rotating.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from gamesolve.trees.faces import shown
from gamesolve.watching import history
from gamesolve.watching.history import RECENT, Extremes, Row, Window

# Standard errors beyond which a trend or a mean is not chance, and the factor by which a trend must change a quantity.
SURE, FACTOR = 3.0, 1.3


@shown()
class Verdict(NamedTuple):
    """What a training does.

    Attributes:
        state: one of `STATES`, or "undecided".
        evidence: the reason, a sentence with the figures.
        step: the step of the last measurement.
    """

    state: str
    evidence: str
    step: int

    def __str__(self) -> str:
        """Return the verdict as one line."""
        return f"step {self.step}: {self.state}. {self.evidence}"


class Trend(NamedTuple):
    """A line through the logarithms of a quantity: the factor over the window, and whether it is not chance."""

    factor: float
    sure: bool

    @property
    def falls(self) -> bool:
        """Whether the quantity falls."""
        return self.sure and self.factor < 1 / FACTOR

    @property
    def grows(self) -> bool:
        """Whether the quantity grows."""
        return self.sure and self.factor > FACTOR


def judge(rows: Sequence[Row], before: Extremes | None = None) -> Verdict:
    """Name the state of a training.

    Args:
        rows: its measurements from the start, as `gamesolve.watching.Watch` keeps them.
        before: the extremes of all rows but the last 12, if they are known. Default: computed from the rows.

    Returns:
        The verdict after the last row; undecided before there are 12 rows.

    Example:
        >>> from gamesolve import watching
        >>> watching.judge([]).state
        'undecided'
    """
    step = rows[-1]["step"] if rows else 0
    if rows and rows[-1]["diverged"]:
        return Verdict("running off", "The players became NaN, infinite or larger than max_norm.", step)
    if len(rows) < RECENT:
        return Verdict("undecided", f"A verdict needs {RECENT} measurements, and there are {len(rows)}.", step)
    window = history.window(rows, history.of_all(rows[:-RECENT]) if before is None else before)
    for state, evidence in EVIDENCE.items():
        found = evidence(window)
        if found is not None:
            return Verdict(state, found, step)
    factor = _trend(window.field).factor
    return Verdict(
        "undecided", f"The field changed by a factor of {factor:.2g}, and no state has clear evidence.", step
    )


def _trend(values: np.ndarray) -> Trend:
    """Fit a line to the logarithms of numbers from zero to infinity; its standard error says whether it is chance."""
    info = np.finfo(np.float32)
    logs = np.log(np.clip(values, info.tiny, info.max))
    times = np.arange(len(logs)) - (len(logs) - 1) / 2
    logs -= logs[0]  # so that a constant has a slope of exactly zero
    slope = times @ logs / (times @ times)
    residual = logs - logs.mean() - slope * times
    error = np.sqrt(residual @ residual / (len(logs) - 2) / (times @ times))
    return Trend(float(np.exp(np.clip(slope * (len(logs) - 1), -80, 80))), bool(abs(slope) > SURE * error))


def _straightness(window: Window) -> float:
    """Return the distance between the ends of the window, divided by the length of the path through its rows."""
    place = window["place"]
    path = np.sum(np.linalg.norm(np.diff(place, axis=0), axis=1))
    return float(np.linalg.norm(place[-1] - place[0]) / path) if path else 1.0


def _progress(window: Window) -> float:
    """Return the same with the steps' own lengths, which count the turns between the rows as well."""
    path = float(np.mean(window["move"])) * window.steps
    ends = float(np.linalg.norm(window["place"][-1] - window["place"][0]))
    return min(_straightness(window), ends / path) if path else 1.0


def _parting(places: np.ndarray) -> float:
    """Return the factor by which neighbours in the path, at other times, part until the next measurement.

    It is near 1 on cycles and tori, whatever the measurements miss between them, and large in chaos.
    """
    gaps = np.linalg.norm(places[:, None] - places, axis=-1)
    times = np.arange(len(places) - 1)
    apart = np.where(np.abs(times[:, None] - times) > 1, gaps[:-1, :-1], np.inf)
    nearest = np.argmin(apart, axis=1)
    before, after = np.median(apart[times, nearest]), np.median(gaps[times + 1, nearest + 1])
    return float(after / before) if before else 1.0


def _growth(window: Window) -> tuple[float, bool]:
    """Return the mean exponent, and whether it is above zero for sure."""
    exponents = window["exponent"]
    mean, error = float(np.mean(exponents)), float(np.std(exponents, ddof=1) / len(exponents) ** 0.5)
    return mean, mean > SURE * error


def running_off(window: Window) -> str | None:
    """Return evidence that the players leave all bounds: they grow exponentially, or go straight without an end."""
    size, field, remaining = (_trend(values) for values in (window["size"], window.field, window["remaining"]))
    if field.grows and size.grows and window["size"][-1] > FACTOR * window.before.largest:
        return (
            f"The norm of the players grew by a factor of {size.factor:.3g} in {window.steps} steps, and that of the "
            f"field by {field.factor:.3g}."
        )
    straight, farther = (
        _straightness(window),
        window.distance[-1] > max(window.before.radius, 1.02 * window.distance[0]),
    )
    nearer = remaining.sure and remaining.factor < 1
    if straight > 0.95 and _progress(window) > 0.3 and farther and not nearer and not field.grows:
        found = np.isfinite(window["remaining"][-1])
        sight = f"changed by a factor of {remaining.factor:.2g}" if found else "is infinite: the field does not change"
        return (
            f"The path is straight: the distance between its ends is {straight:.2f} of its length. The estimated "
            f"distance to a zero of the field {sight}."
        )
    return None


def starved(window: Window) -> str | None:
    """Return evidence that a player has lost its gradient without having reached a zero of it."""
    norms, scale = window["norms"], window["scale"]
    shares = norms / np.where(window.whole.peaks > 0, window.whole.peaks, 1)
    flat = scale[-1] > np.sqrt(shares[-1]) * window.whole.scale
    lost = flat & (shares[-1] < 0.05) & (np.max(shares, axis=0) < 0.1)
    if not lost.any():
        return None
    player = int(np.argmax(lost))
    return (
        f"The gradient of player {player} is {shares[-1, player]:.1e} of its largest norm, and changes by its own size "
        f"over a distance of {scale[-1, player]:.2g}: the player is on a plateau, not at a zero."
    )


def collapsing(window: Window) -> str | None:
    """Return evidence that the generated examples become alike."""
    variety, spread = (_trend(window[name]) for name in ("variety", "spread"))
    last, widest = window["variety"][-1], window.whole.widest
    if not np.isfinite(last):
        return None
    fewer = last < 0.75 * widest and ((variety.sure and variety.factor < 0.9) or last < widest / 2)
    if fewer or (spread.falls and spread.factor < 0.7):
        return (
            f"The generated examples form {last:.2g} clumps after {widest:.2g}, and their spread changed by a "
            f"factor of {spread.factor:.2g} in {window.steps} steps."
        )
    return None


def noise_floor(window: Window) -> str | None:
    """Return evidence that the players rest, up to the noise of their data."""
    if not window.whole.noisy:
        return None
    power = np.sum(window["norms"] ** 2)
    signal = float(np.sum(window["signal"] * window["norms"] ** 2) / power) if power else 0.0
    if signal < 0.4 and not _trend(window.field).falls and _progress(window) < 0.6:
        return (
            f"Two draws of the data agree on {max(signal, 0):.0%} of the squared gradient, and the players make no "
            f"progress: the distance between the ends of their path is {_progress(window):.2f} of its length."
        )
    return None


def near_a_saddle(window: Window) -> str | None:
    """Return evidence that the players pass an unstable zero: they slow down while nearby trajectories separate."""
    growth, sure = _growth(window)
    if window.share < 0.1 and sure and growth * window.steps > 0.5 and _straightness(window) > 0.5:
        return (
            f"The field is {window.share:.1e} of its largest norm, and nearby trajectories separate by a factor of "
            f"{np.exp(min(growth * window.steps, 80)):.2g} in {window.steps} steps."
        )
    return None


def chaotic(window: Window) -> str | None:
    """Return evidence that nearby trajectories separate within bounds."""
    growth, sure = _growth(window)
    rests = window.share <= 0.01 or _trend(window.field).falls
    if rests or not sure or growth * window.steps <= 3:
        return None
    parting = _parting(window.places)
    if parting > 1.6:
        return (
            f"Nearby trajectories separate at a rate of {growth:.2g} per step, and close places of the path are "
            f"{parting:.2g} times as far apart at the next measurement."
        )
    return None


def converging(window: Window) -> str | None:
    """Return evidence that the field goes to zero."""
    field, remaining = _trend(window.field), _trend(window["remaining"])
    if window.share < 1e-5 and not field.grows:
        return f"The norm of the field is {window.share:.1e} of its largest one."
    if field.falls and remaining.factor < 1:
        return (
            f"The norm of the field changed by a factor of {field.factor:.2g} in {window.steps} steps, and the "
            f"estimated distance to its zero by {remaining.factor:.2g}; {np.mean(window['rotation']):.0%} of the "
            "field's change is rotation."
        )
    return None


def rotating(window: Window) -> str | None:
    """Return evidence that the field turns the players around without bringing them nearer to a zero."""
    growth, _ = _growth(window)
    straight, rotation = _progress(window), float(np.mean(window["rotation"]))
    turns = (straight < 0.2 and rotation > 0.1) or (straight < 0.6 and rotation > 0.3)
    if turns and not _trend(window.field).falls:
        return (
            f"{rotation:.0%} of the field's change is rotation, the distance between the ends of the path is "
            f"{straight:.2f} of its length, and nearby trajectories separate at a rate of {growth:.1g} per step."
        )
    return None


EVIDENCE: Mapping[str, Callable[[Window], str | None]] = {
    "collapsing": collapsing,
    "running off": running_off,
    "near a saddle": near_a_saddle,
    "starved": starved,
    "noise floor": noise_floor,
    "chaotic": chaotic,
    "converging": converging,
    "rotating": rotating,
}
STATES = (*EVIDENCE, "undecided")
