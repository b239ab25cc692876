"""Say in one sentence which solver of a comparison is best, by which factor, and whether other starts may disagree."""

from collections.abc import Callable, Sequence

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
    residual if none is known; in noisy games by the noise floor. Factors are medians over the starts of the ratio from
    each start.

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
    usable = [run for run in runs if run.spent is not None and not run.row.diverged]
    if not usable:
        return "best: none, no solver can run on the game or all diverge"
    converged = [run for run in usable if run.row.converged == run.row.seeds]
    if converged and problem.noise is None:
        return _compared(converged, _counts, "takes {} fewer evaluations to converge than {}")
    budget = min(float(np.median(run.spent[:, -1])) for run in usable if run.spent is not None)
    ends = lambda run: _ends(run, budget, problem.noise is not None)
    what = "distance" if problem.game.equilibria else "residual"
    if problem.noise is None:
        return _compared(usable, ends, f"ends at a {{}} smaller {what} than {{}}") + "; none converged from every start"
    return _compared(usable, ends, f"has a {{}} lower noise floor of the {what} than {{}}")


def _compared(runs: Sequence[Run], score: Callable[[Run], np.ndarray], words: str) -> str:
    """Return the sentence for scores, shape (seeds,), of which small ones are good."""
    scores = {run.row.solver: score(run) for run in runs}
    best, *others = sorted(scores, key=lambda name: float(np.median(scores[name])))
    if not others:
        return f"best: {best}, the only one that {'converged' if runs[0].row.converged else 'did not diverge'}"
    with np.errstate(divide="ignore", invalid="ignore"):
        factors = scores[others[0]] / scores[best]
    factors = np.where(np.isnan(factors), 1.0, factors)  # 0 / 0: both are at the equilibrium
    times = f"{np.median(factors):.3g} times"
    return f"best: {best}, which {words.format(times, others[0])} ({_spread(factors)})"


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
