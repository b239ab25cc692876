"""Coefficients of the steps of a solver over the vectors that it has seen, read off by least squares and compared."""

import itertools
from typing import NamedTuple

import numpy as np

from gamesolve.analysis.formal_game import PLAYERS, Answers, not_first_order

# Relative error up to which a vector is a combination of others, and up to which coefficients agree: solvers may round
# to float32.
CLOSE = 1e-5
# Relative errors of coefficients if all memory is in float64, and if some is in float32. Smaller coefficients, relative
# to the largest one of a vector, count as zero.
DOUBLE, SINGLE = 1e-12, 1e-7
# Relative error of sums in float64.
ROUNDING = 1e-14


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
        accuracy: relative error of the coefficients.
    """

    given: int
    owners: tuple[int, ...]
    queries: tuple[tuple[Query, ...], ...]
    rows: tuple[np.ndarray, ...]
    accuracy: float

    @property
    def move(self) -> float:
        """The largest coefficient of a field in the players and the query points: a step size in the unit of fields."""
        asked = [query for queries in self.queries for query in queries]
        points = [row for rows in self.rows for row in rows[:PLAYERS]] + [x for query in asked for x in query.point]
        fields = [query.answer for query in asked if query.player is None]
        return float(np.abs(np.stack(points)[:, fields]).max(initial=0))

    @property
    def tolerance(self) -> float:
        """The error up to which a point counts as fixed, which is small against the move along the field."""
        return max(100 * self.accuracy * self.move, ROUNDING)


class Run(NamedTuple):
    """A run in numbers."""

    given: int
    owners: tuple[int, ...]
    ends: tuple[int, ...]
    rows: tuple[list[np.ndarray], ...]
    accuracy: float


def read(answers: Answers, run: Run) -> Steps:
    """Return a run in coefficients."""
    spaces = [np.stack(list(map(np.ravel, vectors)), axis=1) for vectors in zip(*answers.vectors, strict=True)]
    lengths = [np.linalg.norm(space, axis=0) for space in spaces]

    def coefficients(player: int, vector: np.ndarray) -> np.ndarray:
        scale = max(np.abs(vector).max(), ROUNDING * answers.points)  # less is a difference of equal points
        if not np.isfinite(scale):
            raise not_first_order("returns numbers that are not finite")
        directions = spaces[player] / lengths[player]
        found = np.linalg.lstsq(directions, vector / scale)[0]
        if np.abs(directions @ found - vector / scale).max() > CLOSE:
            raise not_first_order("returns something other than a linear combination")
        found *= scale / lengths[player]
        return np.where(np.abs(found) < run.accuracy * np.abs(found).max(), 0, found)

    queries = [
        Query(p, tuple(map(coefficients, range(PLAYERS), map(np.ravel, point))), i) for p, point, i in answers.asked
    ]
    per_step = tuple(tuple(queries[a:b]) for a, b in itertools.pairwise(run.ends))
    rows = tuple(np.stack(list(map(coefficients, run.owners, vectors))) for vectors in run.rows)
    return Steps(run.given, run.owners, per_step, rows, run.accuracy)


def agreed(draws: list[Steps]) -> Steps:
    """Return the steps on which all draws agree, or raise."""
    first, *others = map(_pruned, draws)
    if first.move < ROUNDING / CLOSE:
        raise not_first_order(
            "does not use the field, or has steps so small that rounding hides them", "Use steps of at least 1e-8 / L"
        )
    for other in others:
        if _kinds(first) != _kinds(other) or not _close(_stacked(first), _stacked(other)):
            raise _changing()
    return first


def check_repeats(steps: Steps) -> None:
    """Raise unless all steps are the same function of the players, the memory and the answers."""
    first, size = steps.queries[0], steps.rows[0].shape[1]
    one = Steps(steps.given, steps.owners, (first,), steps.rows[1:2], steps.accuracy)
    for queries, before, after in zip(steps.queries, steps.rows, steps.rows[1:], strict=False):
        other = one._replace(queries=(queries,), rows=(after,))
        if [query.player for query in first] != [query.player for query in queries]:
            raise _changing()
        # The vectors of the first step, each in terms of all vectors, as this step has them.
        vectors = np.zeros((size, size))
        vectors[: steps.given] = before
        vectors[[query.answer for query in first], [query.answer for query in queries]] = 1
        if not _close(_stacked(other), _stacked(one) @ vectors):
            raise _changing()


def first_of(steps: Steps, number: int) -> Steps:
    """Return the first steps only."""
    return _pruned(steps._replace(queries=steps.queries[:number], rows=steps.rows[: number + 1]))


def _changing() -> ValueError:
    return not_first_order(
        "has steps that depend on the players, on their shapes, on the fields or on the step count",
        "Use analysis.rate for a given game, or worst_case_residual if only the step count changes the steps",
    )


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
        accuracy=steps.accuracy,
    )
