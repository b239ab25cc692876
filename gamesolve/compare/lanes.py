"""Run many lanes of one solver under a budget in one compiled program, and time it.

The caller keeps the compiled programs: a `Cache` that is passed to several runs compiles once for games of one shape.
"""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.compare.problem import check_record
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.timing import compile_timed
from gamesolve.compare.trajectories import distance_and_residual, known_equilibria, recorded
from gamesolve.compare.vectors import ravel
from gamesolve.driving.sets import Projections
from gamesolve.driving.solve import step as take_step
from gamesolve.game import Game, Players
from gamesolve.solver import Solver, parametric
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.transforms.rates import Rates
from gamesolve.trees import Batch, Key, PyTree, Row, State, Updates, widest

# Rows of a large game's curves; a small one keeps every step, for fitting contractions.
FEW_ROWS = 64

Sampler = Callable[[Key], Batch]
Measure = Callable[[Game, Players], jax.Array]
Cache = dict[Any, Any]


class Lanes(NamedTuple):
    """The runs of a program.

    Attributes:
        points: the players ravelled after each row's last step, shape (lanes, rows, n).
        iterations: iterations of the inner solves until then, shape (lanes, rows).
        every: number of steps between rows.
        seconds: time of the program, all lanes together.
        compile_seconds: time to trace and compile it, maybe for an earlier run that shares the program.
    """

    points: np.ndarray
    iterations: np.ndarray
    every: int
    seconds: float
    compile_seconds: float


class Spent(NamedTuple):
    """State of `counted`: the inner solver's state, and all iterations of its inner solves so far."""

    inner: State
    spent: jax.Array


@parametric
def counted(inner: optax.GradientTransformationExtraArgs, most: float = math.inf) -> optax.GradientTransformation:
    """Add up the iterations of a solver's inner solves; its own state holds only those of the last solve.

    After ``most`` iterations the solver gets zero updates, which need no iterations: a lane that has spent its budget
    does not delay the others.
    """

    def init(params: PyTree) -> Spent:
        return Spent(inner.init(params), jnp.zeros((), jnp.int32))

    def update(updates: Updates, state: Any, params: PyTree | None = None, **extra: PyTree) -> tuple[Updates, Spent]:
        updates = jax.tree.map(lambda leaf: jnp.where(state.spent <= most, leaf, 0), updates)
        # The gradient is replaced as well: parts that look at the game refuse updates that are not their gradient.
        moves, last = inner.update(updates, state.inner, params, **extra | {"grad": updates})
        return moves, Spent(last, state.spent + optax.tree.get(last, "iterations", 0))

    return optax.GradientTransformationExtraArgs(init, update)


def build(entry: SolverEntry, game: Game, rate: Rates) -> Solver:
    """Return the solver at a step size; one that reduces variance gets the game on all of its data."""
    return entry.build(rate, full=game) if "full" in entry.arguments else entry.build(rate)


def evaluations(cost: Cost, run: Lanes, unknowns: int) -> np.ndarray:
    """Return the fields and products until each row, shape (lanes, rows); a dense solve counts one per unknown."""
    steps = np.broadcast_to(run.every * np.arange(1.0, run.points.shape[1] + 1), run.iterations.shape)
    iterations = run.iterations if run.iterations.any() else unknowns * steps
    return cost.products() * steps + (cost.jvps_per_iteration + cost.vjps_per_iteration) * iterations


def run(
    game: Game,
    entry: SolverEntry,
    rates: np.ndarray,
    starts: Players,
    keys: Key,
    sample: Sampler | None,
    budget: float,
    cache: Cache,
) -> Lanes:
    """Run a solver from every start with the step size of that lane, until all have spent their budget.

    Args:
        game: the game.
        entry: the solver.
        rates: step sizes, shape (lanes,), or (lanes, players) if each player has its own.
        starts: players with a leading axis for the lanes.
        keys: typed random keys, shape (lanes,).
        sample: sampler of a step, or None.
        budget: fields and products per lane.
        cache: programs of earlier runs.

    Raises:
        ValueError: if the record of all lanes would take more than 2 GiB.
    """
    steps = max(1, int(budget / entry.cost.products()))
    one = jax.tree.map(lambda leaf: leaf[0], starts)
    every = 1 if ravel(one).size <= LARGEST_SPECTRUM else max(1, steps // FEW_ROWS)
    check_record(len(rates), steps // every, ravel(one).nbytes)
    arguments = (game, jnp.asarray(rates, widest(one)), starts, keys, sample)
    follow = jax.jit(partial(_follow, entry, budget, steps // every * every, every))
    key = ("program", entry.name, repr(entry.arguments), budget, every)
    compiled, compile_seconds = _shared(cache, key, arguments, lambda: compile_timed(follow, *arguments))
    began = time.perf_counter()
    points, counts = jax.block_until_ready(compiled(*arguments))
    seconds = time.perf_counter() - began
    return Lanes(np.asarray(points), np.asarray(counts["spent"]), every, seconds, compile_seconds)


def _follow(
    entry: SolverEntry,
    budget: float,
    steps: int,
    every: int,
    game: Game,
    rates: jax.Array,
    starts: Players,
    keys: Key,
    sample: Sampler | None,
) -> Row:
    each = entry.cost.jvps_per_iteration + entry.cost.vjps_per_iteration

    def lane(rate: jax.Array, start: Players, key: jax.Array) -> Row:
        solver = build(entry, game, tuple(rate) if rate.ndim else rate)
        solver = counted(solver, budget / each) if each else solver
        drawing = {} if sample is None else {"sample": sample, "key": key}
        return recorded(ravel, game, solver, start, steps, counters=("spent",), every=every, **drawing).trace

    return jax.vmap(lane)(rates, starts, keys)


def flops(game: Game, entry: SolverEntry, start: Players, sample: Sampler | None, cache: Cache) -> float:
    """Return XLA's count of the operations of one step, before it optimises; the body of an inner solve counts once."""

    def step(game: Game, rate: jax.Array, players: Players, state: State, *data: PyTree) -> Row:
        return take_step(game, build(entry, game, rate), players, state, *data)

    def count() -> float:
        data = () if sample is None else (jax.eval_shape(sample, jax.random.key(0)),)
        rate = jnp.asarray(0.1, widest(start))
        state = jax.eval_shape(lambda players: build(entry, game, rate).init(players), start)
        analysis: Any = jax.jit(step).lower(game, rate, start, state, *data).cost_analysis()
        return float((analysis or {}).get("flops", 0.0))  # XLA leaves out what a program does not have

    return _shared(cache, ("flops", entry.name, repr(entry.arguments)), (game, start, sample), count)


def _shared(cache: Cache, key: tuple[Any, ...], arguments: PyTree, compute: Callable[[], Any]) -> Any:
    """Compute a value once for all arguments of equal structure, shapes, precision and device."""
    leaves, structure = jax.tree.flatten(arguments)
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    shapes = tuple((leaf.shape, str(leaf.dtype)) for leaf in map(jnp.asarray, leaves))
    key = (*key, device, structure, shapes)
    if key not in cache:
        cache[key] = compute()
    return cache[key]


def measures(
    game: Game, measure: Measure | None, like: Players, points: np.ndarray, sets: Projections = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the measure, and the norm of the field or natural residual, at points of shape (lanes, rows, n)."""
    partial_measure = measure and jax.tree_util.Partial(measure)
    return jax.tree.map(np.asarray, _measures(sets, game, partial_measure, known_equilibria(game), like, points))


@partial(jax.jit, static_argnums=0)
def _measures(
    sets: Projections, game: Game, measure: Any, equilibria: jax.Array | None, like: Players, points: jax.Array
) -> Row:
    _, unravel = jax.flatten_util.ravel_pytree(like)

    def at(flat: jax.Array) -> Row:
        players = unravel(flat)
        distance, residual = distance_and_residual(game, equilibria, players, sets)
        return distance if measure is None else jnp.asarray(measure(game, players), flat.dtype), residual

    return jax.lax.map(jax.vmap(at), points)
