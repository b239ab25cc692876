"""Judge `gamesolve.recommend` on random games: its solver against a full tuned comparison, from starts held back."""

import argparse
import math
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs
from benchmarks import report
from benchmarks.measurements.timed import verdict
from benchmarks.report import Row
from gamesolve import registry
from gamesolve.advice import Recommendation, runs
from gamesolve.advice.families import STEPS, Axis, Family
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
# Step sizes of the comparison, in units of the reciprocal of the Lipschitz constant.
GRID = tuple(np.geomspace(0.03, 30.0, 31))
TARGET, BUDGET = 1e-3, 20_000
# A solver is given up on when it has taken so many times the evaluations of the best one so far.
HOPELESS = 3.0
# The recommended solver may take so many times the evaluations of the best one, in this share of the games.
FACTOR, SHARE, ACCURACY = 1.3, 0.9, 0.02
# Kind, parameters per player, and games of each kind in the full table.
GROUPS = (
    ("zero-sum", 1, 40),
    ("general-sum", 1, 20),
    ("zero-sum", 5, 40),
    ("general-sum", 5, 20),
    ("zero-sum", 25, 30),
    ("in a box", 5, 30),
    ("zero-sum", 100, 20),
)
OPTIONS = {
    "games": {"type": int, "default": None, "help": "games per group (default: those of the full table)"},
    "groups": {"type": int, "nargs": "+", "default": range(len(GROUPS)), "help": "numbers of the groups"},
}


class Judged(NamedTuple):
    """One game: the cost of the recommended solver over that of the best one, and the accuracy of predictions."""

    ratio: float
    rate_error: float
    spent: int
    name: str
    best: str


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each group of games, and one for all of them."""
    judged: list[Judged] = []
    for number in arguments.groups:
        kind, size, count = GROUPS[number]
        began = time.process_time()
        with jax.enable_x64(True):
            found = [judge(kind, size, seed) for seed in range(arguments.games or count)]
        judged += found
        yield {"games": f"{kind}, {2 * size} parameters"} | _summary(found) | {"CPU s": time.process_time() - began}
    whole = _summary(judged)
    yield {"games": "all"} | whole | {"verdict": verdict(whole["within 1.3"] >= SHARE)}


main = partial(report.measure, "recommend", rows)


def _summary(judged: Sequence[Judged]) -> Row:
    """Return medians and shares over some games."""
    ratios = np.array([one.ratio for one in judged] or [np.nan])
    errors = np.array([one.rate_error for one in judged if not math.isnan(one.rate_error)] or [np.nan])
    return {
        "number": len(judged),
        "within 1.3": float(np.mean(ratios <= FACTOR)),
        "median ratio": float(np.median(ratios)),
        "worst ratio": float(np.max(ratios)),
        "rates": int(np.isfinite(errors).sum()),
        "rate within 2 %": float(np.mean(errors <= ACCURACY)),
        "median spent": float(np.median([one.spent for one in judged] or [np.nan])),
    }


def draw(kind: str, size: int, seed: int) -> tuple[gs.Game, Projections]:
    """Draw a game of a kind, monotone or not, and the sets of its players."""
    generator = np.random.default_rng([seed, size, len(kind)])
    game = gs.games.random_quadratic(
        jax.random.fold_in(jax.random.key(7), int(generator.integers(2**31))),
        (size, size),
        condition=float(10 ** generator.uniform(0.3, 2.0)),
        rotation=float(generator.uniform(0.2, 1.0)),
        monotone=bool(generator.random() < 0.75),
        zero_sum=kind != "general-sum",
    )
    return game, _box if kind == "in a box" else None


def _box(player: jax.Array) -> jax.Array:
    """Project onto a box that the equilibrium at zero touches: some constraints are active there."""
    return optax.projections.projection_box(player, 0.0, 1.0)


def judge(kind: str, size: int, seed: int) -> Judged:
    """Recommend from one start and judge from another; if no solver converges, both sides must say so."""
    game, constraints = draw(kind, size, seed)
    tuning, test = (_start(game, constraints, jax.random.key(1000 * seed + part)) for part in (1, 2))
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


def _start(game: gs.Game, constraints: Projections, key: jax.Array) -> Players:
    keys = jax.random.split(key, game.num_players)
    drawn = tuple(jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, game.start, strict=True))
    return drawn if constraints is None else tuple(map(jnp.abs, drawn))


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
        values = np.array([(value / scale, 1.0) for value in GRID])
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


def _of(name: str) -> Family:
    entry = registry.SOLVERS[name]

    def make(constraints: Projections, rate: float) -> gs.Solver:
        return entry.build(rate) if constraints is None else entry.build(rate, projections=constraints)

    return Family(name, make, entry.cost, (Axis(STEPS.values, "step"),), separate=False)


_FREE = tuple(map(_of, (*FURTHER, *registry.CORE)))  # the fastest first: the others are given up on sooner
_IN_SETS = tuple(map(_of, IN_SETS))


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
