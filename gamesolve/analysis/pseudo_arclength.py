"""One point after another of a curve of equilibria: tangents, Newton steps at right angles to them, and step lengths.

A point of the curve is one vector: the players ravelled in order, each in units of its own size, and the parameter with
the interval scaled to [0, 1].
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.spectrum import by_real_part
from gamesolve.game import Game, exact_products
from gamesolve.linear.dense import dense_derivative
from gamesolve.trees import Players, norm

MakeGame: TypeAlias = Callable[[Any], Game]
# A point, the length of the Newton step that led there, and the number of steps.
Iterate: TypeAlias = tuple[jax.Array, jax.Array, jax.Array]

# Newton's method has found a point if its last step is this many rounding errors long, within so many steps.
FOUND, MAX_STEPS = 1e3, 8
# A step may turn the tangent until the cosine is this. After one with at most QUICK Newton steps, the next is longer.
STRAIGHT, QUICK, LONGER = 0.95, 4, 1.5
# Newton's method may move a predicted point by this fraction of the step. On an arc, STRAIGHT allows 0.16; a point that
# it moves further may be on another part of the curve.
CLOSE = 0.2
# A step this many times shorter than the largest one is the last attempt.
SHORTEST = 1e-6


class Curve(NamedTuple):
    """A curve of equilibria.

    Attributes:
        make_game: the games, over the parameter.
        players: any players of their structure.
        ends: both ends of the parameter.
        units: unit in which each entry of the players is counted, as a vector.
    """

    make_game: MakeGame
    players: Players
    ends: jax.Array
    units: jax.Array

    def parameter(self, point: np.ndarray) -> float:
        """Return the parameter of a point."""
        first, last = np.asarray(self.ends)
        return float(first + point[-1] * (last - first))

    def unravel(self, vector: np.ndarray | jax.Array) -> Players:
        """Return the players of a point, or of a direction."""
        return jax.flatten_util.ravel_pytree(self.players)[1](self.units * vector[:-1])

    def pack(self, players: Players, share: float) -> np.ndarray:
        """Return players and a share of the interval as a point, or a change of both as a direction."""
        return np.append(np.asarray(jax.flatten_util.ravel_pytree(players)[0] / self.units), share)


class Spot(NamedTuple):
    """A point of a curve.

    Attributes:
        point: the point.
        tangent: unit tangent of the curve.
        sign: sign of the determinant of the derivative of the field, bordered by the tangent.
        eigenvalues: eigenvalues of J, by decreasing real part.
        steps: number of Newton steps that found it.
        found: whether Newton's method converged.
    """

    point: Any
    tangent: Any
    sign: Any
    eigenvalues: Any
    steps: Any
    found: Any


def in_own_sizes(curve: Curve, players: Players, along: Players, change: float) -> Curve:
    """Return a curve that counts each player in units of its own size, if that is below one.

    A step of fixed length would jump over the folds of players that are much smaller than the step.

    Args:
        curve: the curve.
        players: players on it.
        along: tangent of the curve there. Its slope is the size of a player that is zero.
        change: component of the tangent along the parameter, with the interval scaled to [0, 1].
    """
    zero = float(jnp.finfo(curve.ends.dtype).eps) ** 0.5
    units = []
    for player, direction in zip(players, along, strict=True):
        size, speed = float(norm(player)), float(norm(direction))
        if size <= zero:
            size = speed / abs(change) if abs(change) > zero * speed else 0.0
        unit = min(size, 1.0) if size > zero else 1.0
        units.append(jnp.full_like(jax.flatten_util.ravel_pytree(player)[0], unit))
    return curve._replace(units=jnp.concatenate(units))


def correct(curve: Curve, guess: np.ndarray, tangent: np.ndarray, normal: np.ndarray | None = None) -> Spot:
    """Return the point of a curve in the plane through a guess.

    Args:
        curve: the curve.
        guess: a point near it.
        tangent: a vector with a positive component along the curve.
        normal: the vector at right angles to the plane. Default: the tangent.
    """
    vectors = (jnp.asarray(v, curve.ends.dtype) for v in (guess, tangent, tangent if normal is None else normal))
    return jax.tree.map(np.asarray, _correct(*curve, *vectors))


def advance(curve: Curve, last: Spot, length: float, largest: float) -> tuple[Spot, float]:
    """Take a step along a curve, shortened until it works, and return the point and the length of the next step.

    The point is not found if the shortest step failed too.
    """
    while True:
        length = min(length, largest)
        spot = correct(curve, last.point + length * last.tangent, last.tangent)
        near = float(np.linalg.norm(spot.point - last.point - length * last.tangent)) <= CLOSE * length
        good = bool(spot.found) and near and float(spot.tangent @ last.tangent) >= STRAIGHT
        if good or length <= SHORTEST * largest:
            break
        length = max(length / 2, SHORTEST * largest)
    return spot._replace(found=np.asarray(good)), length * (LONGER if good and spot.steps <= QUICK else 1.0)


def landed(curve: Curve, last: Spot, outside: Spot) -> Spot:
    """Return the point at the end of the interval that a step from inside has passed."""
    end = float(outside.point[-1] > 1)
    share = (end - last.point[-1]) / (outside.point[-1] - last.point[-1])
    upright = np.eye(len(last.point))[-1]
    guess = last.point + share * (outside.point - last.point)
    guess[-1] = end
    return correct(curve, guess, last.tangent, upright)


def field_of(
    make_game: MakeGame, players: Players, ends: jax.Array, units: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """Return the field as a function of a point of the curve."""
    _, unravel = jax.flatten_util.ravel_pytree(players)

    def field(point: jax.Array) -> jax.Array:
        game = make_game(ends[0] + point[-1] * (ends[1] - ends[0]))
        return jax.flatten_util.ravel_pytree(game.field(unravel(units * point[:-1])))[0]

    return field


@partial(jax.jit, static_argnums=0)
def _correct(
    make_game: MakeGame,
    players: Players,
    ends: jax.Array,
    units: jax.Array,
    guess: jax.Array,
    tangent: jax.Array,
    normal: jax.Array,
) -> Spot:
    field = field_of(make_game, players, ends, units)
    close = FOUND * float(jnp.finfo(guess.dtype).eps)
    # Rounding in the payoffs limits the players as they are, whatever the units.
    size = lambda vector: jnp.linalg.norm(vector * jnp.append(units, 1))

    def unfinished(carry: Iterate) -> jax.Array:
        point, moved, count = carry
        return (moved > close * (1 + size(point))) & (count < MAX_STEPS)

    def improve(carry: Iterate) -> Iterate:
        point, _, count = carry
        bordered = jnp.vstack([dense_derivative(field, point), normal])
        move = jnp.linalg.solve(bordered, jnp.append(field(point), normal @ (point - guess)))
        return point - move, size(move), count + 1

    with exact_products():
        first = guess, jnp.full((), jnp.inf, guess.dtype), jnp.zeros((), jnp.int32)
        point, moved, count = jax.lax.while_loop(unfinished, improve, first)
        derivative = dense_derivative(field, point)
        # The tangent is the null vector of the derivative; the last singular value of a wide matrix is zero.
        along = jnp.linalg.svd(derivative, full_matrices=True)[2][-1]
        along = along * jnp.where(along @ tangent < 0, -1, 1)
        sign, _ = jnp.linalg.slogdet(jnp.vstack([derivative, along]))
        values = by_real_part(jnp.linalg.eigvals(derivative[:, :-1] / units))
    found = (moved <= close * (1 + size(point))) & jnp.all(jnp.isfinite(derivative))
    return Spot(point, along, sign, values, count, found)
