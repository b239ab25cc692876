"""Run the best proposals on the game itself, in rounds: after each one, those that are behind are dropped."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from gamesolve.advice import runs
from gamesolve.advice.proposals import Proposal
from gamesolve.advice.runs import Runs, Setup
from gamesolve.compare.curves import floors
from gamesolve.compare.noise import Noise
from gamesolve.driving.plan import Status
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.trees import Players

# Steps between two looks at the runs, and those after which a run that must stay under the target is believed.
PIECE = 50
# First steps of a solver whose inner solve takes an unknown number of iterations; they show what a step costs.
FEW = 2
# Steps between two records of a noisy game, which average over many draws.
EVERY = 10


@dataclasses.dataclass
class Trial:
    """The runs of one proposal with several step sizes.

    Attributes:
        proposal: the proposal.
        settings: hyperparameters of the runs, shape (runs, k).
        runs: how far they have got.
        curves: the residual at the start and at each record; shape (runs, records + 1).
        taken: evaluations that each run has taken.
        last: the residual that each run has reached.
        steps: steps that each run has taken, for a converged one until it reached the target.
        passed: evaluations until a run reached the target, under which it then stayed; infinite for the others.
        dropped: whether the trial ended because others were ahead.
        elsewhere: whether the best run converged to another equilibrium than the probe's.
        unstable: whether it converged to an unstable equilibrium.
    """

    proposal: Proposal
    settings: np.ndarray
    runs: Runs
    curves: np.ndarray
    taken: np.ndarray
    last: np.ndarray
    steps: np.ndarray
    passed: np.ndarray
    dropped: bool = False
    elsewhere: bool = False
    unstable: bool = False

    @property
    def converged(self) -> np.ndarray:
        """Whether each run has reached the target and stayed under it for a piece."""
        return np.isfinite(self.passed)

    @property
    def diverged(self) -> np.ndarray:
        """Whether each run has diverged."""
        return np.asarray(self.runs.status) == Status.DIVERGED

    @property
    def open(self) -> np.ndarray:
        """Whether each run may go on."""
        return ~self.converged & ~self.diverged

    @property
    def best(self) -> int:
        """The run that reached the target with the fewest evaluations, or else the one with the smallest residual."""
        return int(np.argmin(self.passed if self.converged.any() else self._reached))

    @property
    def measured(self) -> float:
        """Evaluations that the best run took to the target; infinite if it did not get there."""
        return float(self.passed[self.best])

    @property
    def residual(self) -> float:
        """The residual that the best run reached, infinite if it diverged."""
        return float(self._reached[self.best])

    @property
    def score(self) -> tuple[bool, float, float]:
        """Key of the ranking: unstable ends last, then evaluations to the target, then the residual reached."""
        return self.unstable, self.measured, self.residual

    @property
    def cost(self) -> float:
        """Evaluations per step of the best run."""
        taken = self.measured if self.converged[self.best] else self.taken[self.best]
        return float(taken) / max(1, int(self.steps[self.best]))

    @property
    def ending(self) -> str:
        """How the best run ended: "converged", "unstable", "diverged", "dropped" or "budget"."""
        if self.unstable:
            return "unstable"
        if self.converged[self.best]:
            return "converged"
        return "diverged" if self.diverged[self.best] else "dropped" if self.dropped else "budget"

    @property
    def _reached(self) -> np.ndarray:
        """The residual of each run, infinite if it diverged."""
        return np.where(~self.diverged & np.isfinite(self.last), self.last, np.inf)


class Course(NamedTuple):
    """What all trials on a game share.

    Attributes:
        game: the game.
        start: its starting players.
        constraints: sets of the players.
        tol: residual to reach.
        first: residual at the start.
        far: norm of the players beyond which a run has diverged.
        noise: how the game is noisy, or None.
    """

    game: Game
    start: Players
    constraints: Projections
    tol: float
    first: float
    far: float
    noise: Noise | None = None

    def setup(self, proposal: Proposal) -> Setup:
        """Return what the runs of a proposal share."""
        shared = (proposal.family, self.constraints, self.game)
        if self.noise is None:
            return Setup(*shared, observed=self.game)
        return Setup(*shared, self.noise.sample, self.noise.key, self.noise.mean, EVERY)

    @property
    def price(self) -> float:
        """Evaluations per step that recording takes."""
        return 1.0 if self.noise is None else self.noise.weight / EVERY


def hold(course: Course, proposals: Sequence[Proposal], factors: Sequence[float], budget: float) -> list[Trial]:
    """Run proposals side by side until the fastest has reached the target or the budget is spent.

    Args:
        course: what the trials share.
        proposals: the proposals.
        factors: factors of the proposed step sizes.
        budget: evaluations of all runs together, records included.

    Returns:
        The trials, the best one first.
    """
    trials = [_entered(course, proposal, factors) for proposal in proposals]
    shares = [0.25, 0.5, 0.75]  # of the budget, after each of which half of the trials that are left are dropped
    while active := [trial for trial in trials if not trial.dropped and trial.open.any()]:
        before = spent(course, trials)
        for trial in active:
            if spent(course, trials) + _next_price(course, trial) <= budget:
                _continue(course, trial, budget - spent(course, trials))
        used, fastest = spent(course, trials), min(trial.measured for trial in trials)
        if used == before:
            break
        for trial in active:
            trial.dropped = bool(np.where(trial.open, trial.taken, np.inf).min() >= fastest and trial.open.any())
        if shares and used > shares[0] * budget:
            shares.pop(0)
            left = sorted((trial for trial in trials if not trial.dropped), key=lambda trial: trial.score)
            for trial in left[(len(left) + 1) // 2 :]:
                trial.dropped = True
    return sorted(trials, key=lambda trial: trial.score)


def spent(course: Course, trials: Sequence[Trial]) -> int:
    """Return the evaluations of all runs, records included."""
    return int(sum(trial.taken.sum() + course.price * np.asarray(trial.runs.steps).sum() for trial in trials))


def smallest(course: Course, trials: Sequence[Trial]) -> int:
    """Return the budget that lets the cheapest of some trials take its next piece."""
    return math.ceil(spent(course, trials) + min(_next_price(course, trial) for trial in trials))


def _next_price(course: Course, trial: Trial) -> float:
    """Return the evaluations that one call of `_continue` takes at most."""
    steps = np.asarray(trial.runs.steps)
    if _is_priced(trial):
        per_step = trial.taken.max() / steps.max() if steps.any() else _cost(trial, _unknowns(course))
        return 2 * PIECE * float(trial.open.sum()) * (per_step + course.price)
    return _first(course, trial) * len(trial.settings) * (_cost(trial, _unknowns(course)) + course.price)


def _is_priced(trial: Trial) -> bool:
    """Return whether it is known what a step takes: the number of iterations of an inner solve shows only in steps."""
    return bool(np.asarray(trial.runs.steps).any()) or _cost(trial, 1) == _cost(trial, 0)


def _cost(trial: Trial, iterations: float) -> float:
    return trial.proposal.family.cost.products(iterations)


def _first(course: Course, trial: Trial) -> int:
    every = course.setup(trial.proposal).every
    return every * -(-FEW // every)


def _unknowns(course: Course) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(course.start))


def _entered(course: Course, proposal: Proposal, factors: Sequence[float]) -> Trial:
    settings = np.tile(proposal.values, (len(factors), 1))
    settings[:, 0] *= factors
    count = len(factors)
    begun = runs.begin(course.setup(proposal), settings, runs.repeated(course.start, count))
    first = np.full((count, 1), course.first)
    none = np.full(count, np.inf)
    return Trial(proposal, settings, begun, first, np.zeros(count), first[:, 0], np.zeros(count, int), none)


def _continue(course: Course, trial: Trial, allowance: float) -> None:
    """Take one piece more, and another one in the runs that reach the target, which have to stay under it.

    A run that rises again goes on: it only passed the target.
    """
    most = _most(course, trial, allowance)
    if not _is_priced(trial):
        _advance(course, trial, _first(course, trial), trial.open, 0.0, most)
        return
    passing = trial.open & _advance(course, trial, PIECE, trial.open, course.tol, most)
    if course.noise is not None or not passing.any():
        return
    steps, taken, last = trial.steps.copy(), trial.taken.copy(), trial.last.copy()
    _advance(course, trial, PIECE, passing, 0.0, most)
    for i in np.flatnonzero(passing & ~trial.diverged):
        tail = trial.curves[i, steps[i] : trial.steps[i] + 1]
        if tail.max() <= course.tol:
            trial.passed[i], trial.steps[i], trial.last[i] = taken[i], steps[i], last[i]


def _most(course: Course, trial: Trial, allowance: float) -> float:
    """Return the iterations of inner solves that each run may have taken after the next piece.

    The last solve of a run may exceed them, so one of as many iterations as there are unknowns is set aside.
    """
    each = _cost(trial, 1) - _cost(trial, 0)
    if not each:
        return math.inf
    steps = 2 * PIECE if _is_priced(trial) else _first(course, trial)
    share = allowance / max(1, int(trial.open.sum())) - steps * (_cost(trial, 0) + course.price)
    before = np.asarray(trial.runs.iterations).max()
    return max(0.0, float(before + share / each - _unknowns(course)))


def _advance(course: Course, trial: Trial, steps: int, going: np.ndarray, tol: float, most: float) -> np.ndarray:
    """Take some steps in the runs that go on, and return which of them have reached the tolerance."""
    setup, before = course.setup(trial.proposal), np.asarray(trial.runs.steps)
    status = np.where(trial.diverged, Status.DIVERGED, Status.BUDGET).astype(before.dtype)
    limits = np.where(going, tol, np.inf) if course.noise is None else None
    trial.runs = runs.advance(setup, trial.runs._replace(status=status), steps, limits, course.far, most)
    trial.curves = _extended(trial.curves, before // setup.every, np.asarray(trial.runs.trace))
    trial.taken = runs.evaluations(trial.proposal.family, trial.runs, _unknowns(course))
    reached = np.asarray(trial.runs.steps)
    trial.steps = np.where(trial.converged, trial.steps, reached)
    if course.noise is not None:
        trial.last = floors(trial.curves)
    else:
        ends = trial.curves[np.arange(len(reached)), reached]
        trial.last = np.where(trial.converged, trial.last, ends)
    return going & trial.runs.converged


def _extended(curves: np.ndarray, counts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return curves with rows after the first ``counts + 1`` entries of each."""
    width = max(curves.shape[1], int(counts.max()) + 1 + rows.shape[1])
    longer = np.pad(curves, ((0, 0), (0, width - curves.shape[1])), constant_values=np.nan)
    for curve, count, row in zip(longer, counts, rows, strict=True):
        curve[count + 1 : count + 1 + len(row)] = row
    return longer
