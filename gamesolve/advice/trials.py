"""Run the best proposals on the game itself, in rounds: after each one, those that are behind are dropped."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from gamesolve.advice import runs
from gamesolve.advice.noise import Noise
from gamesolve.advice.proposals import Proposal
from gamesolve.advice.runs import Runs, Setup
from gamesolve.driving.plan import Status
from gamesolve.driving.sets import Projections
from gamesolve.game import Game
from gamesolve.trees import Players

# Steps between two looks at the runs.
PIECE = 50
# A run that has reached the target goes on to this fraction of it, to show its rate.
BEYOND = 1e-2
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
        tail: residuals of the best run after the target, which show its rate.
        tail_price: evaluations that these have taken.
        dropped: whether the trial ended because others were ahead.
    """

    proposal: Proposal
    settings: np.ndarray
    runs: Runs
    curves: np.ndarray
    taken: np.ndarray
    last: np.ndarray
    tail: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0))
    tail_price: int = 0
    dropped: bool = False

    @property
    def best(self) -> int:
        """The run that reached the target with the fewest evaluations, or else the one with the smallest residual."""
        if self.runs.converged.any():
            return int(np.argmin(np.where(self.runs.converged, self.taken, np.inf)))
        return int(np.argmin(self._reached))

    @property
    def measured(self) -> float:
        """Evaluations that the best run took to the target; infinite if it did not get there."""
        return float(self.taken[self.best]) if self.runs.converged.any() else np.inf

    @property
    def score(self) -> tuple[float, float]:
        """Key of the ranking: evaluations to the target, then the residual reached."""
        return self.measured, float(self._reached[self.best])

    @property
    def _reached(self) -> np.ndarray:
        """The residual of each run, infinite if it diverged."""
        near = (np.asarray(self.runs.status) != Status.DIVERGED) & np.isfinite(self.last)
        return np.where(near, self.last, np.inf)


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
    while active := [trial for trial in trials if not trial.dropped and not trial.runs.ended.all()]:
        if spent(course, trials) + sum(_next_price(course, trial) for trial in active) > budget:
            break
        for trial in active:
            _continue(course, trial)
        used, fastest = spent(course, trials), min(trial.measured for trial in trials)
        for trial in active:
            trial.dropped = bool(np.where(trial.runs.ended, np.inf, trial.taken).min() >= fastest)
        if shares and used > shares[0] * budget:
            shares.pop(0)
            left = sorted((trial for trial in trials if not trial.dropped), key=lambda trial: trial.score)
            for trial in left[(len(left) + 1) // 2 :]:
                trial.dropped = True
    if course.noise is None:
        for trial in trials:
            if trial.runs.converged.any() and spent(course, trials) + _next_price(course, trial, all_=True) <= budget:
                _follow(course, trial)
    return sorted(trials, key=lambda trial: trial.score)


def spent(course: Course, trials: Sequence[Trial]) -> int:
    """Return the evaluations of all runs, records included."""
    return int(sum(_spent(course, trial.runs, trial.taken) + trial.tail_price for trial in trials))


def _spent(course: Course, reached: Runs, taken: np.ndarray) -> float:
    return float(taken.sum() + course.price * np.asarray(reached.steps).sum())


def _next_price(course: Course, trial: Trial, all_: bool = False) -> float:
    """Return the evaluations that one piece more takes at most, for the runs that have not ended or for all of them."""
    steps = np.asarray(trial.runs.steps)
    per_step = (
        trial.taken.max() / steps.max() if steps.any() else trial.proposal.family.cost.products(_unknowns(course))
    )
    return PIECE * float(np.sum(~trial.runs.ended | all_)) * (per_step + course.price)


def _unknowns(course: Course) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(course.start))


def _entered(course: Course, proposal: Proposal, factors: Sequence[float]) -> Trial:
    settings = np.tile(proposal.values, (len(factors), 1))
    settings[:, 0] *= factors
    count = len(factors)
    begun = runs.begin(course.setup(proposal), settings, runs.repeated(course.start, count))
    first = np.full((count, 1), course.first)
    return Trial(proposal, settings, begun, first, np.zeros(count), first[:, 0])


def _continue(course: Course, trial: Trial) -> None:
    """Take one piece more."""
    tol = np.full(len(trial.settings), course.tol) if course.noise is None else None
    trial.runs = runs.advance(course.setup(trial.proposal), trial.runs, PIECE, tol, course.far)
    trial.curves = np.concatenate([trial.curves, np.asarray(trial.runs.trace)], axis=1)
    trial.taken = runs.evaluations(trial.proposal.family, trial.runs, _unknowns(course))
    trial.last = _ends(trial) if course.noise is None else floors(trial.curves)


def _follow(course: Course, trial: Trial) -> None:
    """Let the runs go on for one piece, far beyond the target; the figures of the trial stay."""
    best, steps = trial.best, int(trial.runs.steps[trial.best])
    going = trial.runs._replace(status=np.zeros_like(np.asarray(trial.runs.status)))
    tol = np.full(len(trial.settings), BEYOND * course.tol)
    after = runs.advance(course.setup(trial.proposal), going, PIECE, tol, course.far)
    taken = runs.evaluations(trial.proposal.family, after, _unknowns(course))
    trial.tail = np.asarray(after.trace)[best, : int(after.steps[best]) - steps]
    trial.tail_price = round(_spent(course, after, taken) - _spent(course, trial.runs, trial.taken))


def _ends(trial: Trial) -> np.ndarray:
    """Return the residual after the last step of each run."""
    return trial.curves[np.arange(len(trial.curves)), np.asarray(trial.runs.steps)]


def floors(curves: np.ndarray) -> np.ndarray:
    """Return the root mean square of each curve over its last half: the noise floor, once a run has got there."""
    half = curves[:, curves.shape[1] // 2 :]
    return np.sqrt(np.mean(half**2, axis=1))
