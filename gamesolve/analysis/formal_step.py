"""Steps of a first-order solver as linear combinations of the answers of an unknown field.

In a first-order solver with fixed steps, every query point and every result is one linear combination of the start, the
memory and the answers of the field. They must agree between draws at scales that are many orders of magnitude apart, of
vectors and of matrices, at many step counts, so clipping, adaptive steps, schedules and noise are found and refused.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.formal_game import PLAYERS, Answers, AskedGame, Shapes, eager
from gamesolve.analysis.step_coefficients import DOUBLE, SINGLE, Run, Steps, agreed, check_repeats, first_of, read
from gamesolve.driving.solve import step
from gamesolve.solver import Solver
from gamesolve.trees import Players, PyTree, State

# Steps before the first one that `formal_step` looks at, so that memories have left their initial values.
WARM_UP = 4
# Size of the vectors of the first player in the first attempt, which takes several steps of most solvers.
SIZE = 15


class Draw(NamedTuple):
    """A seed, the scales of points and of fields, and a number added to all counts of the state.

    Other numbers of the state that a step changes grow with the shift as well. Players are arrays of the given rank.
    Steps that adapt to norms, to quotients of norms or to shapes, and schedules, differ between draws.
    """

    seed: int
    points: float = 1.0
    fields: float = 1.0
    shift: int = 0
    rank: int = 1


# The scales at which a run from the start is looked at.
SCALES = (Draw(0), Draw(1, 1e-6, 8e-6, 1, rank=2), Draw(2, 1e6, 1e5, 10**6))
# Schedules may return to their first value, so one late count is not enough.
DRAWS = (*SCALES, *(Draw(2 + power, shift=10**power) for power in range(1, 6)))


def formal_step(solver: Solver, number: int, unit: float) -> Steps:
    """Return successive steps from arbitrary players and memory: each given vector is one row before the first step.

    Args:
        solver: the solver.
        number: number of steps.
        unit: unit of the fields. The unit of each memory is its largest coefficient.

    Raises:
        ValueError: if the step is not first order, or is not always the same.
    """
    units = _units(_drawn(partial(_from_anywhere, solver, 1, 0, None), DRAWS[0], unit))
    run = lambda shift: partial(_from_anywhere, solver, max(number, 2), shift, units)
    steps = agreed([_drawn(run(draw.shift), draw, unit) for draw in DRAWS])
    check_repeats(steps)
    return first_of(steps, number)


def formal_run(solver: Solver, number: int, unit: float) -> Steps:
    """Return the players in the first steps of a run; the only given vector is the start, one for both players."""
    return agreed([_drawn(partial(_from_the_start, solver, number), draw, unit) for draw in SCALES])


def _drawn(run: Callable[[Answers], Run], draw: Draw, unit: float) -> Steps:
    """Return a run as one draw shows it."""
    size = SIZE
    while True:
        answers = Answers(_shapes(size, draw.rank), draw.seed, draw.points, draw.fields, unit)
        with eager(answers):
            numbers = run(answers)
        # With fewer dimensions than vectors everything would be a combination of them.
        if size > len(answers.vectors) + 2:
            return read(answers, numbers)
        size = len(answers.vectors) + 4


def _shapes(size: int, rank: int) -> Shapes:
    """Return the shapes of the players, which have at least the given size."""
    width = math.ceil(size / 3)
    return ((size,), (size + 1,)) if rank == 1 else ((3, width), (4, width))


def _units(steps: Steps) -> np.ndarray:
    """Return the largest coefficient in each row, those of the memory left out; 1 for players."""
    largest = np.abs(np.delete(steps.rows[1], range(PLAYERS, steps.given), axis=1)).max(axis=1, initial=0)
    return np.where((np.arange(steps.given) >= PLAYERS) & (largest > 0), largest, 1.0)


def _from_the_start(solver: Solver, number: int, answers: Answers) -> Run:
    players: Players = tuple(map(jnp.asarray, answers.fresh(answers.points)))
    trees, ends = _taken(solver, number, answers, players, solver.init(players))
    rows = tuple([np.ravel(z) for z in players] for players, _ in trees)
    return Run(1, tuple(range(PLAYERS)), ends, rows, _accuracy(trees[0], answers.shapes))


def _from_anywhere(solver: Solver, number: int, shift: int, units: np.ndarray | None, answers: Answers) -> Run:
    players: Players = tuple(map(jnp.asarray, answers.fresh(answers.points)))
    *_, before, warm = _taken(solver, WARM_UP, answers, players, solver.init(players))[0]
    owners = tuple(owner for owner, _ in _vectors(warm, answers.shapes))
    scales = np.ones(len(owners)) if units is None else units
    answers.restart()
    given = iter([scale * answers.fresh(answers.points)[owner] for scale, owner in zip(scales, owners, strict=True)])
    players, state = _filled(_shifted(before, warm, shift), answers.shapes, given)
    trees, ends = _taken(solver, number, answers, players, state)
    vectors = [_vectors(tree, answers.shapes) for tree in trees]
    rows = tuple([vector / scale for scale, (_, vector) in zip(scales, found, strict=True)] for found in vectors)
    return Run(len(owners), owners, ends, rows, _accuracy(warm, answers.shapes))


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


def _vectors(tree: PyTree, shapes: Shapes) -> list[tuple[int, np.ndarray]]:
    """Return the vectors in a pytree and the players whose spaces they are in; complex ones count as two."""
    found = []
    for leaf in jax.tree.leaves(tree):
        owner = _owner(leaf, shapes)
        if owner is not None:
            rows: Any = np.asarray(leaf).reshape(-1, math.prod(shapes[owner]))
            parts = (rows.real, rows.imag) if np.iscomplexobj(rows) else (rows,)
            found += [(owner, row) for part in parts for row in part]
    return found


def _filled(tree: PyTree, shapes: Shapes, vectors: Iterator[np.ndarray]) -> PyTree:
    """Return a pytree with other vectors in the places of `_vectors`."""

    def other(leaf: PyTree) -> PyTree:
        owner = _owner(leaf, shapes)
        if owner is None:
            return leaf
        count = leaf.size // math.prod(shapes[owner])
        take = lambda: np.array([next(vectors) for _ in range(count)]).reshape(leaf.shape)
        return jnp.asarray(take() + 1j * take() if jnp.iscomplexobj(leaf) else take(), leaf.dtype)

    return jax.tree.map(other, tree)


def _owner(leaf: PyTree, shapes: Shapes) -> int | None:
    """Return the player in whose space the vectors of a leaf are, or None."""
    if isinstance(leaf, jax.Array) and _is(jnp.inexact, leaf):
        return next((i for i, shape in enumerate(shapes) if leaf.shape[-len(shape) :] == shape), None)
    return None


def _shifted(before: PyTree, after: PyTree, shift: int) -> PyTree:
    """Return a tree with larger counts, and with other numbers grown if the last step has changed them."""

    def other(old: PyTree, new: PyTree) -> PyTree:
        if _is(jnp.integer, new):
            return new + shift
        return new * (1 + shift) if _is(jnp.inexact, new) and not np.array_equal(old, new) else new

    return jax.tree.map(other, before, after)


def _accuracy(tree: PyTree, shapes: Shapes) -> float:
    """Return the relative error of coefficients, which the memory of the lowest precision decides."""
    vectors = [leaf for leaf in jax.tree.leaves(tree) if _owner(leaf, shapes) is not None]
    return SINGLE if any(jnp.finfo(leaf.dtype).eps > DOUBLE for leaf in vectors) else DOUBLE


def _is(kind: type, leaf: PyTree) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), kind)
