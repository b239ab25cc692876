"""Judge `gamesolve.recommend` on random games: its solver against a full tuned comparison, from starts held back."""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial

import jax
import numpy as np

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements import noisy
from benchmarks.measurements.timed import verdict
from benchmarks.measurements.tuned import Judged, draw, named, settings, start_of
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.advice import Recommendation, runs
from gamesolve.advice.families import Family
from gamesolve.advice.proposals import FAR
from gamesolve.analysis.sets import natural_norm
from gamesolve.compare.curves import contraction
from gamesolve.driving.sets import Projections
from gamesolve.trees import Players

# Solvers of the full comparison, besides the core ones.
FURTHER = ("anderson", "alex_gda", "past_extragradient", "golden_ratio", "lookahead", "lcgd", "sga", "proximal")
IN_SETS = ("extragradient", "forward_backward_forward", "forward_reflected_backward", "golden_ratio")
# Solvers whose inner solves, by iterations in larger games, take hundreds of products per step.
SMALL_ONLY = ("acgd", "proximal")
# Solvers that also converge to equilibria that the flow leaves; on games with such an equilibrium they take no part.
TO_ANY_ZERO = ("anderson", "conopt", "proximal")
TARGET, BUDGET = 1e-3, 20_000
# A solver is given up on when it has taken so many times the evaluations of the best one so far.
HOPELESS = 3.0
# The recommended solver may take so many times the evaluations of the best one, in this share of the games.
FACTOR, SHARE, ACCURACY, FLOORS = 1.3, 0.9, 0.02, 0.05
# Kind, parameters per player, and games of each kind in the full table.
GROUPS = (
    ("zero-sum", 1, 50),
    ("general-sum", 1, 25),
    ("zero-sum", 5, 45),
    ("general-sum", 5, 25),
    ("zero-sum", 25, 12),
    ("in a box", 5, 25),
    ("zero-sum", 100, 6),
    ("noisy", 5, 12),
)
OPTIONS = {
    "games": {"type": int, "default": None, "help": "games per group (default: those of the full table)"},
    "groups": {"type": int, "nargs": "+", "default": range(len(GROUPS)), "help": "numbers of the groups"},
}


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each group of games, and one for all of them."""
    judged: list[Judged] = []
    for number in arguments.groups:
        kind, size, count = GROUPS[number]
        began = time.process_time()
        with jax.enable_x64(True):
            judging = noisy.judge if kind == "noisy" else judge
            found = [judging(kind, size, seed) for seed in range(arguments.games or count)]
        judged += found
        # The programs of all groups together would exceed the number of memory maps that Linux gives a process.
        jax.clear_caches()
        yield {"games": f"{kind}, {2 * size} parameters"} | _summary(found) | {"CPU s": time.process_time() - began}
    whole = _summary(judged)
    yield {"games": "all"} | whole | {"verdict": verdict(whole["within 1.3"] >= SHARE)}


main = partial(report.measure, "recommend", rows)


def _summary(judged: Sequence[Judged]) -> Row:
    """Return medians and shares over some games."""
    ratios = np.array([one.ratio for one in judged] or [np.nan])
    errors = np.array([one.rate_error for one in judged if not math.isnan(one.rate_error)] or [np.nan])
    floors = np.array([one.floor_error for one in judged if not math.isnan(one.floor_error)] or [np.nan])
    return {
        "number": len(judged),
        "within 1.3": float(np.mean(ratios <= FACTOR)),
        "median ratio": float(np.median(ratios)),
        "worst ratio": float(np.max(ratios)),
        "rates": int(np.isfinite(errors).sum()),
        "rate within 2 %": float(np.mean(errors <= ACCURACY)),
        "floors": int(np.isfinite(floors).sum()),
        "floor within 5 %": float(np.mean(floors <= FLOORS)),
        "median spent": float(np.median([one.spent for one in judged] or [np.nan])),
    }


def judge(kind: str, size: int, seed: int) -> Judged:
    """Recommend from one start and judge from another; if no solver converges, both sides must say so."""
    game, constraints = draw(kind, size, seed)
    tuning, test = (start_of(game, constraints, jax.random.key(1000 * seed + part)) for part in (1, 2))
    best, name = _best(game, constraints, tuning, test, np.asarray(gs.analysis.jacobian(game, tuning)))
    advice = gs.recommend(game, tuning, budget=BUDGET, target=TARGET, constraints=constraints)
    converges = advice.table[0].measured is not None
    if not (converges and math.isfinite(best)):
        return Judged(
            math.inf if math.isfinite(best) else 0.0 if converges else 1.0, math.nan, advice.spent, "none", name
        )
    cost, rate = _measured(game, advice, test, constraints)
    row = advice.table[0]
    error = math.nan if row.predicted_rate is None or rate is None else abs(rate / row.predicted_rate - 1)
    return Judged(cost / best, error, advice.spent, row.code, name)


def _best(
    game: gs.Game, constraints: Projections, tuning: Players, test: Players, matrix: np.ndarray
) -> tuple[float, str]:
    """Return the evaluations and the name of the best solver of a comparison that is tuned from another start."""
    size, scale = len(matrix), float(np.linalg.norm(matrix, 2))
    unstable = constraints is None and float(np.linalg.eigvals(matrix).real.max()) > 1e-4 * scale
    costs: dict[str, float] = {}
    most = float(BUDGET)
    for family in _families(constraints is not None):
        if (unstable and family.name in TO_ANY_ZERO) or (family.name in SMALL_ONLY and size > gs.linear.DENSE_LIMIT):
            continue
        values = settings(family, scale)
        tuned = _evaluations(game, family, constraints, tuning, values, HOPELESS * most)
        at = int(np.argmin(tuned))
        if math.isfinite(tuned[at]):
            chosen = np.tile(values[at], (len(values), 1))  # as many runs as before, so that one program serves both
            costs[family.name] = float(_evaluations(game, family, constraints, test, chosen, BUDGET)[0])
            most = min(most, costs[family.name])
    name = min(costs, key=lambda name: costs[name], default="none")
    return costs.get(name, math.inf), name


def _families(constrained: bool) -> tuple[Family, ...]:
    return _IN_SETS if constrained else _FREE


_FREE = tuple(map(named, (*FURTHER, *registry.CORE)))  # the fastest first: the others are given up on sooner
_IN_SETS = tuple(map(named, IN_SETS))


def _evaluations(
    game: gs.Game, family: Family, constraints: Projections, start: Players, values: np.ndarray, most: float
) -> np.ndarray:
    """Return the evaluations that each setting takes to the target; infinite if it takes more than ``most``."""
    size = sum(leaf.size for leaf in start)
    setup = runs.Setup(family, constraints, game)
    begun = runs.begin(setup, values, runs.repeated(start, len(values)))
    tol = np.full(len(values), TARGET * runs.residual(game, start, constraints))
    while True:
        begun = runs.advance(setup, begun, 50, tol, FAR * math.sqrt(size))
        taken = runs.evaluations(family, begun, size)
        reached = np.where(begun.converged, taken, np.inf)
        if np.where(begun.ended, np.inf, taken).min() >= min(reached.min(), most):
            return reached


def _measured(
    game: gs.Game, advice: Recommendation, start: Players, constraints: Projections
) -> tuple[float, float | None]:
    """Return the evaluations of the recommended solver from a start, and its rate far beyond the target."""
    row, first = advice.table[0], runs.residual(game, start, constraints)
    record = lambda players, _: natural_norm(game, players, constraints)
    solution = gs.solve(game, row.solver, start, 2000, record=record, max_norm=1e6)
    curve = np.concatenate([[first], np.asarray(solution.trace)]) / first
    reached = np.flatnonzero(curve <= TARGET)
    cost = float(row.cost * reached[0]) if len(reached) else math.inf
    return cost, contraction(curve, floor=1e-12)
