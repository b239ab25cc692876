"""Say in one sentence which solver of a comparison is best, by which factor, and whether other starts may disagree."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from gamesolve.compare.curves import floors
from gamesolve.compare.problem import Problem
from gamesolve.compare.runs import Run

# Quantiles over the starts between which a factor is printed. It is beyond the spread if both are above 1.
SPREAD = (0.1, 0.9)


def verdict(problem: Problem, runs: Sequence[Run]) -> str:
    """Return the sentence.

    Solvers that converge from every start are compared by evaluations, fields and products with J, until then. If there
    is none, all are compared at the evaluations of the cheapest run by their distance from the equilibrium, or by the
    residual if none is known; in noisy games by the noise floor. The lead is the ratio of the medians over the
    starts, and its spread that of the ratios from each start. A solver that made no progress at its tuned step size is
    left out.

    Args:
        problem: the game.
        runs: the runs of its solvers.

    Example:
        >>> import gamesolve as gs
        >>> from gamesolve import compare, registry
        >>> settings = compare.Settings(steps=400, learning_rate=0.5)
        >>> problem = compare.prepare("curl", gs.games.curl(), settings)
        >>> found = [compare.measure(problem, registry.SOLVERS[name], settings) for name in ("extragradient", "ogda")]
        >>> compare.verdict(problem, found)
        'best: ogda, which takes 5.05 times fewer evaluations to converge than extragradient (from one start)'
    """
    usable = [run for run in runs if run.spent is not None and not run.row.diverged and run.progress]
    if not usable:
        return "best: none, no solver can run on the game, or all diverge or make no progress"
    converged = [run for run in usable if run.row.converged == run.row.seeds]
    if converged and problem.noise is None:
        if len(converged) == 1:
            everywhere = " from every start" * any(run.row.converged for run in runs if run is not converged[0])
            return f"best: {converged[0].row.solver}, the only one that converged{everywhere}"
        return _compared(converged, _counts, _COUNTS)
    missed = "; none converged from every start" * (problem.noise is None)
    if len(usable) == 1:
        return f"best: {usable[0].row.solver}, the only one that {_remains(usable[0], runs)}{missed}"
    budget = min(float(np.median(run.spent[:, -1])) for run in usable if run.spent is not None)
    ends = lambda run: _ends(run, budget, problem.noise is not None)
    what = "distance" if problem.game.equilibria else "residual"
    if problem.noise is None:
        words = _Words(f"ends at a {{}} smaller {what} than", f"ends at the same {what} as")
    else:
        words = _Words(f"has a {{}} lower noise floor of the {what} than", f"has the same noise floor of the {what} as")
    return _compared(usable, ends, words) + missed


class _Words(NamedTuple):
    """The words between the names of the best solver and of the second, with its lead and without one."""

    lead: str
    same: str


_COUNTS = _Words("takes {} fewer evaluations to converge than", "takes as many evaluations to converge as")


def _remains(best: Run, runs: Sequence[Run]) -> str:
    """Say what only this solver did, of all that were asked for."""
    rivals = [run for run in runs if run is not best]
    if not rivals:
        return "was compared"
    if all(run.spent is None for run in rivals):
        return "can run on the game"
    return "ran without diverging" if all(run.progress for run in rivals) else "made progress"


def _compared(runs: Sequence[Run], score: Callable[[Run], np.ndarray], words: _Words) -> str:
    """Return the sentence for the scores of several runs, shape (seeds,), of which small ones are good.

    The lead is the ratio of the medians that the ranking goes by: the median of the ratios may contradict it.
    """
    scores = {run.row.solver: score(run) for run in runs}
    best, second, *_ = sorted(scores, key=lambda name: float(np.median(scores[name])))
    lead = float(_ratio(np.median(scores[second]), np.median(scores[best])))
    middle = words.same if f"{lead:.3g}" == "1" else words.lead.format(f"{lead:.3g} times")
    return f"best: {best}, which {middle} {second} ({_spread(_ratio(scores[second], scores[best]))})"


def _ratio(above: np.ndarray | np.floating, below: np.ndarray | np.floating) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.divide(above, below)
    return np.where(np.isnan(ratio), 1.0, ratio)  # 0 / 0: both are at the equilibrium


def _spread(factors: np.ndarray) -> str:
    if len(factors) == 1:
        return "from one start"
    low, high = np.quantile(factors, SPREAD, method="nearest")
    side = "beyond" if low > 1 else "within"
    return f"{low:.3g} to {high:.3g} over {len(factors)} starts, {side} the spread"


def _counts(run: Run) -> np.ndarray:
    """Return the evaluations of each seed until it converged."""
    assert run.spent is not None  # those that could not run are left out
    return np.array([taken[ended.steps] for taken, ended in zip(run.spent, run.outcomes, strict=True)])


def _ends(run: Run, budget: float, noisy: bool) -> np.ndarray:
    """Return where each seed was after these evaluations, or its floor until then."""
    assert run.spent is not None  # as above
    last = [int(np.searchsorted(taken, budget, side="right")) for taken in run.spent]
    if noisy:
        return np.array([floors(curve[None, :end])[0] for curve, end in zip(run.curves, last, strict=True)])
    return np.array([curve[end - 1] for curve, end in zip(run.curves, last, strict=True)])
