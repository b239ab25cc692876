"""Many runs of one solver side by side: the compiled program, its iterates and how long it took."""

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

import gamesolve as gs
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import length, ravel
from gamesolve.game import Game, Players
from gamesolve.solvers.entry import SolverEntry

# Rows of a large game's curves; a small one keeps every step, from which contractions are fitted.
FEW_ROWS = 64


class Lanes(NamedTuple):
    """What the lanes of a program pass through; a leading axis for the lanes, then one for the rows.

    Attributes:
        points: the players ravelled after each row's last step, shape (lanes, rows, n).
        iterations: those of the inner solves up to there.
        every: number of steps between rows.
        seconds: the program took, all lanes together.
        compile_seconds: it took to trace and compile, in this run or an earlier one that shares the program.
    """

    points: np.ndarray
    iterations: np.ndarray
    every: int
    seconds: float
    compile_seconds: float


class Spent(NamedTuple):
    """State of `counted`: the inner solver's, and all iterations of its inner solves so far."""

    inner: Any
    spent: jax.Array


@gs.parametric
def counted(inner: Any, most: float = math.inf) -> optax.GradientTransformation:
    """Add up the iterations of a solver's inner solves, of which it only keeps the last.

    After ``most`` iterations it sees zeros, which are solved at once: a lane whose budget is spent keeps no other lane
    waiting.
    """

    def init(params: Any) -> Spent:
        return Spent(inner.init(params), jnp.zeros((), jnp.int32))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Spent]:
        updates = jax.tree.map(lambda leaf: jnp.where(state.spent <= most, leaf, 0), updates)
        moves, last = inner.update(updates, state.inner, params, **extra)
        return moves, Spent(last, state.spent + optax.tree.get(last, "iterations", 0))

    return optax.GradientTransformationExtraArgs(init, update)


def build(entry: SolverEntry, game: Game, rate: Any) -> Any:
    """Return the solver at a step size; one that reduces variance is told the game on all of its data."""
    return entry.build(rate, full=game) if "full" in entry.arguments else entry.build(rate)


def thinning(size: int, steps: int) -> int:
    """Return how many steps there are between rows for players of so many numbers."""
    return 1 if size <= LARGEST_SPECTRUM else max(1, steps // FEW_ROWS)


_COMPILED: dict[Any, tuple[Callable[..., Any], float]] = {}
_FLOPS: dict[Any, float] = {}


def run(
    game: Game, entry: SolverEntry, rates: np.ndarray, starts: Players, keys: jax.Array, sample: Any, budget: float
) -> Lanes:
    """Run a solver from every start with the step size of that lane, until all have spent their budget.

    Args:
        game: the game.
        entry: the solver.
        rates: step sizes, shape (lanes,).
        starts: players with a leading axis for the lanes.
        keys: typed random keys, shape (lanes,).
        sample: what every step draws, or None.
        budget: fields and products that each may spend.
    """
    steps = max(1, int(budget / entry.cost.products()))
    one = jax.tree.map(lambda leaf: leaf[0], starts)
    every = thinning(ravel(one).size, steps)
    arguments = (game, jnp.asarray(rates, jax.tree.leaves(one)[0].dtype), starts, keys, sample)
    fn = partial(_follow, entry, budget, steps // every * every, every)
    compiled, compile_seconds = _program((entry.name, repr(entry.arguments), budget, every), fn, arguments)
    began = time.perf_counter()
    points, iterations = jax.block_until_ready(compiled(*arguments))
    seconds = time.perf_counter() - began
    return Lanes(np.asarray(points), np.asarray(iterations), every, seconds, compile_seconds)


def _program(key: Any, fn: Callable[..., Any], arguments: Any) -> tuple[Callable[..., Any], float]:
    """Return the compiled program of a function, which games of one shape share, and the seconds that it took."""
    key = (*key, *_shape(arguments))
    if key not in _COMPILED:
        began = time.perf_counter()
        compiled = jax.jit(fn).lower(*arguments).compile()
        _COMPILED[key] = compiled, time.perf_counter() - began
    return _COMPILED[key]


def _shape(arguments: Any) -> tuple[Any, ...]:
    """Return what programs depend on, beside the function: structure, shapes and precisions, and the device."""
    leaves, structure = jax.tree.flatten(arguments)
    device = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    return device, structure, tuple((leaf.shape, str(leaf.dtype)) for leaf in map(jnp.asarray, leaves))


def _follow(
    entry: SolverEntry,
    budget: float,
    steps: int,
    every: int,
    game: Game,
    rates: Any,
    starts: Any,
    keys: Any,
    sample: Any,
) -> Any:
    each = entry.cost.jvps_per_iteration + entry.cost.vjps_per_iteration

    def record(players: Players, state: Any) -> Any:
        return ravel(players), optax.tree.get(state, "spent", jnp.zeros((), jnp.int32))

    def lane(rate: Any, start: Any, key: Any) -> Any:
        solver = build(entry, game, rate)
        solver = counted(solver, budget / each) if each else solver
        drawing = {} if sample is None else {"sample": sample, "key": key}
        return gs.solve(game, solver, start, steps, record=record, every=every, **drawing).trace

    return jax.vmap(lane)(rates, starts, keys)


def flops(game: Game, entry: SolverEntry, start: Players, sample: Any) -> float:
    """Return XLA's count of the operations of one step, before it optimises; the body of an inner solve counts once."""
    key = (entry.name, repr(entry.arguments), *_shape((game, start, sample)))
    if key not in _FLOPS:
        _FLOPS[key] = _count(game, entry, start, sample)
    return _FLOPS[key]


def _count(game: Game, entry: SolverEntry, start: Players, sample: Any) -> float:
    data = () if sample is None else (jax.eval_shape(sample, jax.random.key(0)),)

    def step(game: Game, rate: Any, players: Players, state: Any, *data: Any) -> Any:
        return gs.step(game, build(entry, game, rate), players, state, *data)

    rate = jnp.asarray(0.1, jax.tree.leaves(start)[0].dtype)
    state = jax.eval_shape(lambda players: build(entry, game, rate).init(players), start)
    analysis: Any = jax.jit(step).lower(game, rate, start, state, *data).cost_analysis()
    return float(analysis["flops"])


def measures(
    game: Game, measure: Callable[..., Any] | None, like: Players, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a solver should bring to zero, and the norm of the field, at points of shape (lanes, rows, n)."""
    known = [ravel(equilibrium) for equilibrium in game.equilibria]
    equilibria = jnp.stack(known) if known else None
    return jax.tree.map(
        np.asarray, _measures(game, measure and jax.tree_util.Partial(measure), equilibria, like, points)
    )


@jax.jit
def _measures(game: Game, measure: Any, equilibria: Any, like: Players, points: Any) -> Any:
    _, unravel = jax.flatten_util.ravel_pytree(like)

    def at(flat: jax.Array) -> Any:
        players = unravel(flat)
        residual = length(ravel(game.field(players)))
        if measure is not None:
            return jnp.asarray(measure(game, players), flat.dtype), residual
        near = residual if equilibria is None else jnp.min(jax.vmap(length)(flat - equilibria))
        return near, residual

    return jax.lax.map(jax.vmap(at), points)
