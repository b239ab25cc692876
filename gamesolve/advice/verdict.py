"""Say in one sentence why a solver was recommended, or why none was."""

from collections.abc import Sequence

from gamesolve.advice.probe import Probe, stability
from gamesolve.advice.recommendation import Row

# Share of rotation above which a game is called one of rotation, and below which it is called one of curvature.
TURNING, CURVED = 0.7, 0.3


def why(rows: Sequence[Row], probe: Probe, target: float, noisy: bool) -> str:
    """Return the sentence.

    Args:
        rows: the tried solvers, the best one first.
        probe: what the game looks like.
        target: factor by which the residual had to fall.
        noisy: whether the game is noisy, so that residuals are noise floors.
    """
    best = rows[0]
    if all(len(row.curve) == 1 for row in rows):
        return "The budget is too small to try a solver after the probe. Give a larger one."
    if failed(rows, probe):
        return f"{_failure(probe)}: start elsewhere, add constraints, or check the signs of the payoffs."
    shape = (
        "its rotation" if probe.rotation > TURNING else "its curvature" if probe.rotation < CURVED else "its spectrum"
    )
    if noisy:
        return f"Of the tried solvers it has the lowest noise floor, {best.residual:.1e} of the residual at the start."
    if best.measured is None:
        return (
            f"It came closest: the residual fell to {best.residual:.1e} of its value at the start, and the target is "
            f"{target:g}. Give a larger budget for a firmer answer."
        )
    others = [row for row in rows[1:] if row.measured is not None]
    rival = ""
    if others and others[0].measured is not None:
        rival = f"; {others[0].name} took {others[0].measured / best.measured:.2g} times as many"
    point = f"the {stability(probe)} equilibrium" if stability(probe) else "the equilibrium"
    return f"It suits {shape} near {point} and took {best.measured:.0f} evaluations to the target{rival}."


def failed(rows: Sequence[Row], probe: Probe) -> bool:
    """Return whether no tried solver deserves to be recommended."""
    return rows[0].measured is None and (probe.left or not rows[0].residual < 1)


def _failure(probe: Probe) -> str:
    if probe.left:
        return "The flow leaves, the players grow without bound"
    if stability(probe) == "unstable":
        return "The flow leaves the equilibrium that was found, which is unstable"
    return "No tried solver reduced the norm of the field"
