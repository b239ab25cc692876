"""A step of a solver around an equilibrium, with the inequalities between its queries: the data of a certificate."""

import itertools
from typing import NamedTuple

import numpy as np

from gamesolve.analysis.field_class import FieldClass, Form, Value, of_fields, of_monotone
from gamesolve.analysis.formal_game import PLAYERS, not_first_order
from gamesolve.analysis.formal_step import formal_step
from gamesolve.analysis.step_coefficients import Query, Steps
from gamesolve.solver import Solver


class Space(NamedTuple):
    """The vectors of one player.

    Attributes:
        before: rows of the lifted state: the player, its memory and the answers in all steps but the last one.
        after: the same one step later.
        forms: the inequalities, of shape (number, n, n).
    """

    before: np.ndarray
    after: np.ndarray
    forms: np.ndarray


class LiftedStep(NamedTuple):
    """The spaces of the players, one if all are equal, and the steps that they come from."""

    spaces: tuple[Space, ...]
    steps: Steps


def lifted_step(solver: Solver, fields: FieldClass, horizon: int) -> LiftedStep:
    """Return the lifted step of a solver, or raise if it has no fixed point at some equilibrium.

    Args:
        solver: the solver.
        fields: the class of fields, whose Lipschitz constant becomes the unit of fields.
        horizon: number of steps whose queries are related to each other.
    """
    steps = formal_step(solver, horizon, fields.unit)
    lengths = _lengths(steps)
    forms = of_fields(fields.scaled(), _values(steps)) + _of_sets(steps, lengths)
    spaces = tuple(_space(steps, forms, player) for player in range(PLAYERS))
    same = all(a.shape == b.shape and np.allclose(a, b) for a, b in zip(*spaces, strict=True))
    return LiftedStep(spaces[:1] if same else spaces, steps)


def _lengths(steps: Steps) -> dict[int, float]:
    """Return the step length of each projection, or raise unless the step has a fixed point at every equilibrium.

    On a set the field at an equilibrium z* has any value w*. So the step must have a fixed point at every z* with
    w* = 0, and at z* = 0 for every w*.
    """
    first, lengths = steps.queries[0], dict[int, float]()
    for player in range(PLAYERS):
        rest, points = _at_rest(steps, player, point=1.0, field=0.0)
        if np.abs(points - 1).max(initial=0) > steps.tolerance:
            raise moved()
        if any(query.player == player for query in first):
            rest, points = _at_rest(steps, player, point=0.0, field=1.0)
            if np.abs(points).max(initial=0) > steps.tolerance:
                raise moved()
        for index, query in enumerate(first):
            if query.player == player:
                lengths[index] = -float(query.point[player] @ rest)
    if any(length <= 0 for length in lengths.values()):
        raise not_first_order("projects points that its step has not moved along the field")
    return lengths


def _at_rest(steps: Steps, player: int, point: float, field: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a player's vectors at an equilibrium as numbers, and the points at which the step asks for the field."""
    rest = np.zeros(steps.rows[0].shape[1])
    for query in steps.queries[0]:
        rest[query.answer] = field if query.player is None else point
    own = [row for row, owner in enumerate(steps.owners) if owner == player]
    following = steps.rows[1][own]
    # The memory solves following = before; the player itself, which comes first, is at the point.
    system = np.vstack([following[:, own] - np.eye(len(own)), np.eye(1, len(own))])
    target = np.append(-following @ rest, point)
    rest[own] = np.linalg.lstsq(system, target)[0]
    if np.abs(system @ rest[own] - target).max() > steps.tolerance:
        raise moved()
    return rest, np.array([query.point[player] @ rest for query in steps.queries[0] if query.player is None])


def moved() -> ValueError:
    """Return the error of a step that has no fixed point at some equilibrium."""
    return not_first_order("moves the equilibrium, as weight decay does")


def _values(steps: Steps) -> list[Value]:
    """Return the values of the field, with the equilibrium."""
    asked = [query for queries in steps.queries for query in queries if query.player is None]
    answers = [_unit(steps, query) for query in asked]
    zero = np.zeros_like(steps.rows[0][0])
    pairs = [(zero,) * PLAYERS, *(query.point for query in asked)], [zero, *answers]
    return [Value(point, (answer,) * PLAYERS) for point, answer in zip(*pairs, strict=True)]


def _of_sets(steps: Steps, lengths: dict[int, float]) -> list[Form]:
    """Return the inequalities of the normal vectors of each player's set, which are those of a monotone operator."""
    forms: list[Form] = []
    for player in range(PLAYERS):
        only = lambda vector, player=player: tuple(vector * (i == player) for i in range(PLAYERS))
        zero = only(np.zeros_like(steps.rows[0][0]))
        normals = [Value(zero, zero)]
        for queries in steps.queries:
            for index, query in enumerate(queries):
                if query.player == player:
                    normal = (query.point[player] - _unit(steps, query)) / lengths[index]
                    normals.append(Value(only(_unit(steps, query)), only(normal)))
        forms += of_monotone(normals)
    return forms


def _unit(steps: Steps, query: Query) -> np.ndarray:
    return np.eye(1, steps.rows[0].shape[1], query.answer)[0]


def _space(steps: Steps, forms: list[Form], player: int) -> Space:
    own = [row for row, owner in enumerate(steps.owners) if owner == player]
    answers = [[query.answer for query in asked if query.player in (None, player)] for asked in steps.queries]
    flat = lambda lists: list(itertools.chain.from_iterable(lists))
    columns = own + flat(answers)
    identity = np.eye(steps.rows[0].shape[1])
    before = np.vstack([steps.rows[0][own], identity[flat(answers[:-1])]])
    after = np.vstack([steps.rows[1][own], identity[flat(answers[1:])]])
    part = np.ix_(columns, columns)
    return Space(before[:, columns], after[:, columns], np.stack([form[player][part] for form in forms]))
