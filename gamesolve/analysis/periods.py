"""The period of a solver: the number of steps after which its step has the same form again."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.flat_step import FlatStep, flat_step
from gamesolve.driving.unoptimised import concretely, jit_either
from gamesolve.game import Game
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, State, traced

# Counts are followed for this many steps, without the arithmetic of the players; a period must fit in twice.
WATCHED = 2048
# The moves of large games are computed for fewer steps: for so many numbers in all, but at least so often.
WATCHED_NUMBERS, LEAST_WATCHED = 2**24, 64
# Counts are also set to later and later steps, up to this one, where a slow or late change shows.
LATEST = 2**24
# Random combinations of a move that stand for all of its entries.
COMBINATIONS = 4


class Period(NamedTuple):
    """The period of a solver's step.

    Attributes:
        steps: its length.
        held: for each entry of `FlatStep.rest`, whether it is held fixed. Empty if there are no counts.
        begins: number of steps until the step is periodic; None if it changes without a period, fades, or is traced.
    """

    steps: int
    held: tuple[bool, ...]
    begins: int | None


def period_of(game: Game, solver: Solver, players: Players, state: State) -> Period:
    """Return the period of a solver, found from its counts, and from its moves if a count grows.

    A count, flag or index that returns to its value takes part in the period. If a count only grows, the step itself is
    computed at a point for the values of the count, as a schedule may read it. The count is held fixed unless the step
    is periodic from the state on.

    Args:
        game: the game, bound to its data. Here and below, traced arrays are replaced by ones.
        solver: the solver.
        players: tuple of parameter pytrees, one per player.
        state: the solver's state.

    Raises:
        ValueError: if the counts neither grow nor return within 1024 steps, or depend on traced numbers that are not
            leaves of the solver.
    """
    if not any(map(_is_count, jax.tree.leaves(state))):
        return Period(1, (), 0)
    arguments = concretely(concrete, (game, solver, players, state))
    counts = concretely(_watch, *arguments)
    if traced(counts):
        raise ValueError(
            f"the traced numbers of {solver!r} must be its leaves, got some inside a function, so that its counts "
            "can't be followed. Wrap the function that makes it in gamesolve.parametric."
        )
    runs = [None if run is None else np.asarray(run) for run in counts]
    later = [None if run is None else run[1:] for run in runs]
    grows = [run is not None and _grows(run) for run in later]
    returning = [run for run, grown in zip(later, grows, strict=True) if run is not None and not grown]
    plain = _smallest(lambda steps: all(np.array_equal(run[steps:], run[:-steps]) for run in returning), WATCHED)
    if plain is None:
        raise ValueError(
            f"the counts in the state of {solver!r} neither grow nor return within {WATCHED // 2} steps, so that its "
            "step has no fixed linear map; run the solver and measure."
        )
    held = tuple(run is None or grown for run, grown in zip(runs, grows, strict=True))
    if not any(grows):
        return Period(plain, held, 0)
    length = _length(players)
    moves = concretely(_moves, *arguments, [None if run is None else run[:length] for run in runs])
    if traced(moves):  # a schedule has closed over a traced number
        return Period(plain, held, None)
    moves = np.asarray(moves)
    for begins in (0, length // 2):
        steps, fades = _common(moves[begins:], plain), np.max(np.abs(moves[begins:])) <= _tolerance(moves)
        if steps is None or (begins and fades):
            continue
        ahead = steps * np.concatenate([[0], 2 ** np.arange(1 + int(np.log2(LATEST // steps)))])
        late = np.asarray(concretely(_moves, *arguments, _late(runs, begins + steps, ahead)))
        if _stays(moves[begins:], late, ahead):
            return Period(plain, held, begins) if begins else Period(steps, tuple(run is None for run in runs), 0)
    return Period(plain, held, None)


def whole_period(flat: FlatStep, period: int, held: tuple[bool, ...], point: jax.Array) -> jax.Array:
    """Take the steps of one period from a point."""
    if period == 1:
        return flat.advance(point, flat.rest)[0]

    def advance(carry: tuple[jax.Array, list[PyTree]], _: None) -> tuple[tuple[jax.Array, list[PyTree]], None]:
        point, rest = carry
        point, following = flat.advance(point, rest)
        chosen = [old if fixed else new for old, new, fixed in zip(rest, following, held, strict=True)]
        return (point, chosen), None

    return jax.lax.scan(advance, (point, flat.rest), length=period)[0][0]


def _is_count(leaf: jax.Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.integer) or leaf.dtype == bool


def _grows(run: np.ndarray) -> bool:
    return bool(np.all(run[1:] >= run[:-1]) and np.any(run[-1] > run[0]))


def _smallest(fits: Callable[[int], bool], length: int) -> int | None:
    """Return the smallest period that fits a series and is at most half as long."""
    return next((steps for steps in range(1, length // 2 + 1) if fits(steps)), None)


def _common(moves: np.ndarray, counted: int) -> int | None:
    """Return the period of a series of moves, a multiple of that of the counts; None if there is none."""
    at, tolerance = np.arange(len(moves)), _tolerance(moves)
    same = lambda steps: np.max(np.abs(moves - moves[at % steps])) <= tolerance
    return _smallest(lambda steps: steps % counted == 0 and same(steps), len(moves))


def _tolerance(moves: np.ndarray) -> float:
    """Return how far equal moves may differ: a schedule such as a sine rounds its large arguments."""
    return float(np.sqrt(np.finfo(moves.dtype).eps) * np.max(np.abs(moves), initial=0))


def _late(runs: list[np.ndarray | None], at: int, ahead: np.ndarray) -> list[np.ndarray | None]:
    """Return the counts so many steps after a step, if they keep growing as within the first of these times."""

    def jumped(run: np.ndarray) -> np.ndarray:
        if run.dtype == bool:
            return np.repeat(run[at : at + 1], len(ahead), axis=0)
        growth, limits = run[at + ahead[1]].astype(np.int64) - run[at], np.iinfo(run.dtype)
        times = (ahead // ahead[1]).reshape(-1, *[1] * growth.ndim)
        return np.clip(run[at] + growth * times, limits.min, limits.max).astype(run.dtype)

    return [None if run is None else jumped(run) for run in runs]


def _stays(moves: np.ndarray, late: np.ndarray, ahead: np.ndarray) -> bool:
    """Return whether moves so many steps ahead are the first one of them, as in a period."""
    # A schedule rounds a late count to a float, as if it were read some steps apart.
    apart = 8 * np.finfo(moves.dtype).eps * ahead
    change = np.max(np.abs(np.diff(moves[: ahead[1] + 1], axis=0)), initial=0)
    return bool(np.all(np.max(np.abs(late - late[0]), axis=1) <= _tolerance(late[:1]) + apart * change))


def _length(players: Players) -> int:
    size = sum(leaf.size for leaf in jax.tree.leaves(players))
    return max(LEAST_WATCHED, min(WATCHED, WATCHED_NUMBERS // size))


def concrete(tree: PyTree) -> PyTree:
    """Return a pytree with ones for its traced arrays."""
    one = lambda leaf: jnp.ones(leaf.shape, leaf.dtype) if isinstance(leaf, jax.core.Tracer) else leaf
    return jax.tree.map(one, tree)


def _counts(rest: list[PyTree]) -> list[jax.Array | None]:
    return [leaf if isinstance(leaf, jax.Array) and _is_count(leaf) else None for leaf in rest]


@jit_either
def _watch(game: Game, solver: Solver, players: Players, state: State) -> list[jax.Array | None]:
    """Return the values of every count of the state along a run, the first one included."""
    flat = flat_step(game, solver, players, state)

    def advance(rest: list[PyTree], _: None) -> tuple[list[PyTree], list[jax.Array | None]]:
        return flat.advance(flat.point, rest)[1], _counts(rest)

    return jax.lax.scan(advance, flat.rest, length=WATCHED + 1)[1]


@jit_either
def _moves(
    game: Game, solver: Solver, players: Players, state: State, counts: list[jax.Array | np.ndarray | None]
) -> jax.Array:
    """Return combinations of the moves from one point for several values of the counts, a row for each of them."""
    flat = flat_step(game, solver, players, state)
    # Away from an equilibrium the step moves; second moments stay positive there.
    offset = jax.random.uniform(jax.random.key(0), flat.point.shape, flat.point.dtype, 0.05, 0.1)
    away = flat.point + offset * (1 + jnp.abs(flat.point))
    weights = jax.random.normal(jax.random.key(1), (COMBINATIONS, away.size), away.dtype)

    def move(counted: list[jax.Array | None]) -> jax.Array:
        rest = [old if new is None else new for old, new in zip(flat.rest, counted, strict=True)]
        return weights @ jnp.nan_to_num(flat.advance(away, rest)[0] - away)

    return jax.lax.map(move, counts)
