"""The worst linear game of a class: a lower bound on every certified rate."""

import dataclasses
import itertools
import math
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
import scipy.optimize

from gamesolve.analysis.field_class import FieldClass
from gamesolve.analysis.formal_game import PLAYERS
from gamesolve.analysis.lifted_step import LiftedStep
from gamesolve.analysis.step_coefficients import Steps
from gamesolve.game import Game, from_losses
from gamesolve.trees import Scalar

# Numbers of points of the scan, for equal players in each of two directions and else in each of four; and the number of
# best points that are refined.
POINTS, COARSE, REFINED = 33, (9, 9, 3, 4), 3


class Slowest(NamedTuple):
    """A linear game of two numbers with ``-v(z) = matrix z``, and the rate of the solver on it."""

    matrix: np.ndarray
    rate: float


def slowest(lifted: LiftedStep, fields: FieldClass) -> Slowest:
    """Return the linear game of the class on which a solver is slowest, in units in which L is 1."""
    equal = len(lifted.spaces) == 1
    axes = [np.linspace(0, 1, number) for number in ((POINTS,) * 2 if equal else COARSE)]
    radii = lambda points: _radii(lifted.steps, np.stack([_member(fields, *point) for point in points]))
    grid = np.array(list(itertools.product(*axes)))
    rates = radii(grid)
    starts = grid[np.argsort(rates)[-REFINED:]]
    # The largest modulus of several eigenvalues has kinks, so the search uses no derivatives.
    search = partial(scipy.optimize.minimize, method="Nelder-Mead", bounds=[(0, 1)] * len(axes))
    ends = [search(lambda point: -radii(point[None])[0], start).x for start in starts]
    best = max([*ends, starts[-1]], key=lambda point: radii(point[None])[0])
    return Slowest(_member(fields, *best), float(radii(best[None])[0]))


def linear_game(matrix: np.ndarray) -> Game:
    """Return the game of two numbers whose loss field is ``matrix z``."""
    constants = tuple(map(float, matrix.ravel()))
    game = from_losses(_first_loss, _second_loss, constants=constants)
    return dataclasses.replace(game, start=(1.0, 1.0), equilibria=((0.0, 0.0),))


def _first_loss(x: jax.Array, y: jax.Array, a: Scalar, b: Scalar, c: Scalar, d: Scalar) -> jax.Array:
    del c, d
    return a * x * x / 2 + b * x * y


def _second_loss(x: jax.Array, y: jax.Array, a: Scalar, b: Scalar, c: Scalar, d: Scalar) -> jax.Array:
    del a, b
    return c * x * y + d * y * y / 2


def _member(fields: FieldClass, first: float, second: float, third: float = 0.0, angle: float = 0.0) -> np.ndarray:
    """Return a matrix of the class from numbers in [0, 1]: ``a I + b K + c R`` with a rotation K and a reflection R.

    Its symmetric part is at least ``a - c``, and its norm is ``|(a, b)| + c``.
    """
    a = fields.mu + first * (fields.L - fields.mu)
    largest = fields.L**2 - a**2
    if fields.cocoercivity > 0:
        largest = min(largest, a / fields.cocoercivity - a**2)
    b = second * math.sqrt(max(largest, 0))
    # Larger reflections would leave a cocoercive class.
    c = third * min(a - fields.mu, fields.L - math.hypot(a, b)) * (fields.cocoercivity == 0)
    cosine, sine = c * math.cos(2 * math.pi * angle), c * math.sin(2 * math.pi * angle)
    return np.array([[a + cosine, b + sine], [-b + sine, a - cosine]])


def _radii(steps: Steps, matrices: np.ndarray) -> np.ndarray:
    """Return the spectral radius of the step on the linear game of each matrix; a set is then the whole space.

    With the answers w of the field, points are ``C x + D w``, the next state is ``A x + B w``, and ``w = K points``.
    """
    queries = steps.queries[0]
    A, B, C, D = _matrices(steps)
    K = np.zeros((len(matrices), *D.shape))
    for index, query in enumerate(queries):
        block = slice(index * PLAYERS, (index + 1) * PLAYERS)
        K[:, block, block] = matrices if query.player is None else np.diag(np.arange(PLAYERS) == query.player)
    closed = A + B @ np.linalg.solve(np.eye(len(D)) - K @ D, K @ C)
    return np.abs(np.linalg.eigvals(closed)).max(axis=-1)


def _matrices(steps: Steps) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the state-space matrices of one step, whose answers are those of each query for each player in turn."""
    queries, given = steps.queries[0], steps.given
    asked = [(query, player) for query in queries for player in range(PLAYERS)]
    same = np.equal.outer
    owners, players = np.array(steps.owners), np.array([player for _, player in asked])
    columns = [query.answer for query, _ in asked]
    points = np.array([query.point[player] for query, player in asked])
    A = steps.rows[1][:, :given]
    B = steps.rows[1][:, columns] * same(owners, players)
    return A, B, points[:, :given] * same(players, owners), points[:, columns] * same(players, players)
