"""Steps of a first-order solver as linear combinations of the answers of an unknown field.

In a first-order solver with fixed steps, every query point and every result is one linear combination of the start, the
memory and the answers of the field. The coefficients are read off by least squares. They must agree between draws at
scales that are many orders of magnitude apart, so clipping, adaptive steps and noise are found and refused.
"""

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.formal_game import PLAYERS, Answers, AskedGame, eager, not_first_order
from gamesolve.driving.solve import step
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, State

# Steps before the first one that `formal_step` looks at, so that memories have left their initial values.
WARM_UP = 4
# Relative error up to which a vector is a combination of others, and up to which two draws agree: solvers may round
# to float32. Smaller coefficients, relative to the largest one of a vector, count as zero.
CLOSE, ZERO = 1e-5, 1e-7
# Size of the vectors of the first player in the first attempt, which takes several steps of most solvers.
SIZE = 15


class Draw(NamedTuple):
    """A seed, the scales of points and of fields, and a number added to all counts of the state.

    Steps that adapt to norms or to quotients of norms, and schedules, differ between draws.
    """

    seed: int
    points: float
    fields: float
    shift: int


DRAWS = (Draw(0, 1.0, 1.0, 0), Draw(1, 1e-6, 8e-6, 1), Draw(2, 1e6, 1e5, 10**6))


class Query(NamedTuple):
    """One question that a solver asks.

    Attributes:
        player: the player whose set is asked for the projection of a point; None for a field.
        point: for each player, the coefficients of the point.
        answer: index of the vector that answers: the field ``F = -v``, or the projected point.
    """

    player: int | None
    point: tuple[np.ndarray, ...]
    answer: int


class Steps(NamedTuple):
    """Successive steps of a solver, in coefficients over the given vectors and then the answers.

    Attributes:
        given: number of given vectors.
        owners: for each row, the player in whose space it is: first the players, then their memory.
        queries: the queries of each step.
        rows: the coefficients of the players and the memory after 0, 1, ... steps.
    """

    given: int
    owners: tuple[int, ...]
    queries: tuple[tuple[Query, ...], ...]
    rows: tuple[np.ndarray, ...]


def formal_step(solver: Solver, number: int, unit: float) -> Steps:
    """Return successive steps from arbitrary players and memory: each given vector is one row before the first step.

    Args:
        solver: the solver.
        number: number of steps.
        unit: unit of the fields. The unit of each memory is its largest coefficient.
    """
    units = _units(_drawn(partial(_from_anywhere, solver, 1, 0, None), DRAWS[0], unit))
    return _agreed([_drawn(partial(_from_anywhere, solver, number, d.shift, units), d, unit) for d in DRAWS])


def formal_run(solver: Solver, number: int, unit: float) -> Steps:
    """Return the players in the first steps of a run; the only given vector is the start, one for both players."""
    return _agreed([_drawn(partial(_from_the_start, solver, number), draw, unit) for draw in DRAWS])


class _Run(NamedTuple):
    """A run in numbers."""

    given: int
    owners: tuple[int, ...]
    ends: tuple[int, ...]
    rows: tuple[list[np.ndarray], ...]


def _drawn(run: Callable[[Answers], _Run], draw: Draw, unit: float) -> Steps:
    """Return a run as one draw shows it."""
    size = SIZE
    while True:
        answers = Answers((size, size + 1), draw.seed, draw.points, draw.fields, unit)
        with eager(answers):
            numbers = run(answers)
        # With fewer dimensions than vectors everything would be a combination of them.
        if size > len(answers.vectors) + 2:
            return _read(answers, numbers)
        size = len(answers.vectors) + 4


def _units(steps: Steps) -> np.ndarray:
    """Return the largest coefficient in each row, those of the memory left out; 1 for players."""
    largest = np.abs(np.delete(steps.rows[1], range(PLAYERS, steps.given), axis=1)).max(axis=1, initial=0)
    return np.where((np.arange(steps.given) >= PLAYERS) & (largest > 0), largest, 1.0)


def _from_the_start(solver: Solver, number: int, answers: Answers) -> _Run:
    players: Players = tuple(map(jnp.asarray, answers.fresh(answers.points)))
    trees, ends = _taken(solver, number, answers, players, solver.init(players))
    return _Run(1, tuple(range(PLAYERS)), ends, tuple([np.asarray(z) for z in players] for players, _ in trees))


def _from_anywhere(solver: Solver, number: int, shift: int, units: np.ndarray | None, answers: Answers) -> _Run:
    players: Players = tuple(map(jnp.asarray, answers.fresh(answers.points)))
    warm = _taken(solver, WARM_UP, answers, players, solver.init(players))[0][-1]
    owners = tuple(owner for owner, _ in _vectors(warm, answers.sizes))
    scales = np.ones(len(owners)) if units is None else units
    answers.restart()
    given = iter([scale * answers.fresh(answers.points)[owner] for scale, owner in zip(scales, owners, strict=True)])
    players, state = _filled(_shifted(warm, shift), answers.sizes, given)
    trees, ends = _taken(solver, number, answers, players, state)
    vectors = [_vectors(tree, answers.sizes) for tree in trees]
    rows = tuple([vector / scale for scale, (_, vector) in zip(scales, found, strict=True)] for found in vectors)
    return _Run(len(owners), owners, ends, rows)


def _taken(
    solver: Solver, number: int, answers: Answers, players: Players, state: State
) -> tuple[list[tuple[Players, State]], tuple[int, ...]]:
    """Return players and state before and after each step, and the numbers of queries up to there."""
    game = AskedGame.of(answers)
    trees, ends = [(players, state)], [len(answers.asked)]
    for _ in range(number):
        players, state = step(game, solver, players, state)
        trees.append((players, state))
        ends.append(len(answers.asked))
    return trees, tuple(ends)


def _vectors(tree: PyTree, sizes: tuple[int, ...]) -> list[tuple[int, np.ndarray]]:
    """Return the vectors in a pytree and the players whose spaces they are in; complex ones count as two."""
    found = []
    for leaf in jax.tree.leaves(tree):
        owner = _owner(leaf, sizes)
        if owner is not None:
            rows: Any = np.asarray(leaf).reshape(-1, sizes[owner])
            parts = (rows.real, rows.imag) if np.iscomplexobj(rows) else (rows,)
            found += [(owner, row) for part in parts for row in part]
    return found


def _filled(tree: PyTree, sizes: tuple[int, ...], vectors: Iterator[np.ndarray]) -> PyTree:
    """Return a pytree with other vectors in the places of `_vectors`."""

    def other(leaf: PyTree) -> PyTree:
        if _owner(leaf, sizes) is None:
            return leaf
        count = leaf.size // leaf.shape[-1]
        take = lambda: np.array([next(vectors) for _ in range(count)]).reshape(leaf.shape)
        return jnp.asarray(take() + 1j * take() if jnp.iscomplexobj(leaf) else take(), leaf.dtype)

    return jax.tree.map(other, tree)


def _owner(leaf: PyTree, sizes: tuple[int, ...]) -> int | None:
    is_vector = isinstance(leaf, jax.Array) and leaf.ndim > 0 and jnp.issubdtype(leaf.dtype, jnp.inexact)
    return sizes.index(leaf.shape[-1]) if is_vector and leaf.shape[-1] in sizes else None


def _shifted(state: PyTree, shift: int) -> PyTree:
    is_count = lambda leaf: isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.integer)
    return jax.tree.map(lambda leaf: leaf + shift if is_count(leaf) else leaf, state)


def _read(answers: Answers, run: _Run) -> Steps:
    """Return a run in coefficients."""
    spaces = [np.stack(vectors, axis=1) for vectors in zip(*answers.vectors, strict=True)]
    lengths = [np.linalg.norm(space, axis=0) for space in spaces]

    def coefficients(player: int, vector: np.ndarray) -> np.ndarray:
        scale = max(np.abs(vector).max(), ZERO**2 * answers.points)  # less is a difference of equal points
        if not np.isfinite(scale):
            raise not_first_order("returns numbers that are not finite")
        directions = spaces[player] / lengths[player]
        found = np.linalg.lstsq(directions, vector / scale)[0]
        if np.abs(directions @ found - vector / scale).max() > CLOSE:
            raise not_first_order("returns something else than a linear combination")
        found *= scale / lengths[player]
        return np.where(np.abs(found) < ZERO * np.abs(found).max(), 0, found)

    queries = [Query(p, tuple(map(coefficients, range(PLAYERS), point)), i) for p, point, i in answers.asked]
    per_step = tuple(tuple(queries[a:b]) for a, b in itertools.pairwise(run.ends))
    rows = tuple(np.stack(list(map(coefficients, run.owners, vectors))) for vectors in run.rows)
    return Steps(run.given, run.owners, per_step, rows)


def _agreed(draws: list[Steps]) -> Steps:
    """Return the steps on which all draws agree, or raise."""
    first, *others = map(_pruned, draws)
    if not any(first.queries):
        raise not_first_order("does not use the field")
    for other in others:
        if _kinds(first) != _kinds(other) or not _close(_stacked(first), _stacked(other)):
            raise not_first_order(
                "has steps that depend on the players, on the fields or on the step count",
                "Use analysis.rate for a given game, or worst_case_residual if only the step count changes the steps",
            )
    return first


def _kinds(steps: Steps) -> list[list[tuple[int | None, int]]]:
    return [[(query.player, query.answer) for query in queries] for queries in steps.queries]


def _stacked(steps: Steps) -> np.ndarray:
    """Return all coefficients, one column for each given vector and answer."""
    return np.vstack([*steps.rows, *(point for asked in steps.queries for query in asked for point in query.point)])


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    """Return whether coefficients agree, relative to the largest one in the column, which small steps make small."""
    return a.shape == b.shape and bool(np.all(np.abs(a - b) <= CLOSE * np.abs(a).max(axis=0)))


def _pruned(steps: Steps) -> Steps:
    """Return the steps without the queries and the memory that no player depends on."""
    queries = {query.answer: query for asked in steps.queries for query in asked}
    remembers = len(steps.owners) == steps.given
    found, kept = [row for rows in steps.rows for row in rows[:PLAYERS]], set[int]()
    while found:
        for index in set(np.flatnonzero(found.pop()).tolist()) - kept:
            kept.add(index)
            if index in queries:
                found += queries[index].point
            elif remembers:
                found += [rows[index] for rows in steps.rows]
    columns = sorted(kept)
    places = {index: place for place, index in enumerate(columns)}
    rows = [index for index in columns if index < steps.given] if remembers else list(range(PLAYERS))
    return Steps(
        given=sum(index < steps.given for index in columns),
        owners=tuple(steps.owners[row] for row in rows),
        queries=tuple(
            tuple(
                Query(query.player, tuple(point[columns] for point in query.point), places[query.answer])
                for query in asked
                if query.answer in places
            )
            for asked in steps.queries
        ),
        rows=tuple(matrix[np.ix_(rows, columns)] for matrix in steps.rows),
    )
