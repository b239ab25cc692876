"""Folds, branch points and Hopf points between two points of a curve of equilibria, located by bisection."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from gamesolve.analysis.pseudo_arclength import FOUND, Curve, MakeGame, Spot, correct, field_of
from gamesolve.game import exact_products
from gamesolve.linear.dense import dense_derivative
from gamesolve.trees import Players
from gamesolve.trees.faces import shown

# Numbers within so many rounding errors of the largest modulus count as zero: centres must not seem to cross.
ZERO = 100
# An eigenvalue is complex if its imaginary part is above this fraction of its modulus at an end of the step. Rounding
# splits a double real eigenvalue by about the root of the precision.
COMPLEX = 1e-5
HALVINGS = 60
# Newton steps that polish a branch point, where the curve itself is ill-conditioned.
POLISHING = 5

FOLD, BRANCH_POINT, HOPF_POINT = "fold", "branch point", "Hopf point"


@shown()
class Event(NamedTuple):
    """A point of a curve of equilibria where stability or the number of equilibria may change.

    Attributes:
        kind: ``"fold"``, ``"branch point"`` or ``"Hopf point"``.
        parameter: value of the parameter.
        players: the equilibrium.
        eigenvalue: the eigenvalue of J that is on the imaginary axis, up to rounding: zero, or i times the frequency
            of the cycle that begins at a Hopf point.
        direction: at a simple branch point, the tangent of the other curve, as a direction of the players and a rate of
            the parameter; else None.
    """

    kind: str
    parameter: float
    players: Players
    eigenvalue: complex
    direction: tuple[Players, float] | None


def crossings(curve: Curve, last: Spot, spot: Spot) -> list[tuple[Event, Spot]] | None:
    """Return the events between two points, in their order, each with the last point before it.

    The result is None if a test changes without its event: then the two points are not on the same curve, or too far
    apart.
    """
    length = float(last.tangent @ (spot.point - last.point))
    turned, crossed = (bool(test(last) != test(spot)) for test in (_direction, _sign))
    # On a curve at one parameter the tangent's component along the parameter is rounding.
    turned = turned and min(abs(last.tangent[-1]), abs(spot.tangent[-1])) > ZERO * np.finfo(spot.point.dtype).eps
    folds = [_bisected(curve, last, spot, length, _direction)] if turned else []
    branchings = [_bisected(curve, last, spot, length, _sign)] if crossed else []
    # One real eigenvalue crosses zero at a fold, and one or an odd number together at a branch point.
    single = turned + sum(max(1, int(np.sum(_vanishing(bracket)))) for bracket in branchings)
    more = abs(_unstable(last) - _unstable(spot)) > single + 1
    pairs = [_bisected(curve, last, spot, length, _unstable)] if more else []
    found = [
        (bracket.distance, event(curve, bracket), bracket.near)
        for event, brackets in ((_fold, folds), (_branching, branchings), (_pair, pairs))
        for bracket in brackets
    ]
    if any(event is None for _, event, _ in found):
        return None
    return [(event, near) for _, event, near in sorted(found, key=lambda entry: entry[0]) if event is not None]


def rounding(eigenvalues: np.ndarray) -> np.ndarray:
    """Return the size below which real parts count as zero, for eigenvalues along the last axis."""
    largest = np.max(np.abs(eigenvalues), axis=-1, keepdims=True, initial=0)
    return ZERO * np.finfo(eigenvalues.dtype).eps * largest


class Bracket(NamedTuple):
    """An event between two points of a step.

    Attributes:
        distance: its distance from the first point, along the tangent there.
        near: closest point before it.
        far: closest point after it.
        ends: both ends of the step.
    """

    distance: float
    near: Spot
    far: Spot
    ends: tuple[Spot, Spot]

    def sizes(self) -> np.ndarray:
        """Return the larger of the moduli that each eigenvalue has at the ends of the step."""
        return np.maximum(*(np.abs(_matched(self.near.eigenvalues, end.eigenvalues)) for end in self.ends))


def _direction(spot: Spot) -> bool:
    return bool(spot.tangent[-1] > 0)


def _sign(spot: Spot) -> bool:
    return bool(spot.sign > 0)


def _unstable(spot: Spot) -> int:
    """Return the number of eigenvalues with positive real part."""
    return int(np.sum(spot.eigenvalues.real > rounding(spot.eigenvalues)))


def _bisected(curve: Curve, last: Spot, spot: Spot, length: float, test: Callable[[Spot], int]) -> Bracket:
    """Return where a test first gives another result."""
    near, far, before = 0.0, length, test(last)
    found, beyond = last, spot
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        if middle in (near, far):
            break
        between = correct(curve, last.point + middle * last.tangent, last.tangent)
        # Next to a branch point Newton's method may fail; the result there is that of either side.
        if between.found and test(between) == before:
            near, found = middle, between
        else:
            far = middle
            beyond = between if between.found else beyond
    return Bracket(near, found, beyond, (last, spot))


def _fold(curve: Curve, bracket: Bracket) -> Event | None:
    near = bracket.near
    if abs(near.tangent[-1]) > _flat(near):
        return None
    value = complex(near.eigenvalues[np.argmin(np.abs(near.eigenvalues))])
    return Event(FOLD, curve.parameter(near.point), curve.unravel(near.point), value, None)


def _branching(curve: Curve, bracket: Bracket) -> Event | None:
    vanishing = _vanishing(bracket)
    if np.sum(vanishing) > 1:
        return _together(curve, bracket, vanishing)
    near = bracket.near
    point, values, is_met = map(np.asarray, _branch_point(*curve, jnp.asarray(near.point)))
    if not is_met:
        return None
    value = complex(values[np.argmin(np.abs(values))])
    vector = np.asarray(_other_direction(*curve, jnp.asarray(point), jnp.asarray(near.tangent)))
    direction = curve.unravel(vector), float(vector[-1] * (curve.ends[1] - curve.ends[0]))
    return Event(BRANCH_POINT, curve.parameter(point), curve.unravel(point), value, direction)


def _pair(curve: Curve, bracket: Bracket) -> Event | None:
    near = bracket.near.eigenvalues
    far = _matched(near, bracket.far.eigenvalues)
    return _together(curve, bracket, (np.real(near) > rounding(near)) != (np.real(far) > rounding(far)))


def _together(curve: Curve, bracket: Bracket, which: np.ndarray) -> Event | None:
    """Return the event at which several eigenvalues cross the imaginary axis together."""
    values, sizes = bracket.near.eigenvalues[which], bracket.sizes()[which]
    # One eigenvalue alone belongs to a fold or a branch point of the same step.
    if len(values) < 2 or np.any(np.abs(values.real) > _flat(bracket.near) * sizes):
        return None
    at = np.argmax(values.imag)
    kind = HOPF_POINT if values[at].imag > COMPLEX * sizes[at] else BRANCH_POINT
    point = bracket.near.point
    return Event(kind, curve.parameter(point), curve.unravel(point), complex(values[at]), None)


def _vanishing(bracket: Bracket) -> np.ndarray:
    """Return which eigenvalues are zero at an event, but not at both ends of the step."""
    near, sizes = bracket.near.eigenvalues, bracket.sizes()
    return (np.abs(near) <= _flat(bracket.near) * sizes) & (sizes > rounding(near))


def _matched(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return other eigenvalues in the order of the values that they continue."""
    return others[scipy.optimize.linear_sum_assignment(np.abs(values[:, None] - others))[1]]


def _flat(spot: Spot) -> float:
    """Return the fraction below which a component counts as zero at an event. At a jump it would be of order one."""
    return float(np.finfo(spot.point.dtype).eps) ** 0.25


@partial(jax.jit, static_argnums=0)
def _branch_point(
    make_game: MakeGame, players: Players, ends: jax.Array, units: jax.Array, point: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Polish a simple branch point by Newton's method on a system that is regular there.

    The unknowns are the point z, a number s and a left null vector w: ``v + s w = 0, w v' = 0, w w = 1``. If s is not
    zero, two curves come close but do not meet.

    Returns:
        The point, the eigenvalues of J, and whether the curves meet near the first point.
    """
    field = field_of(make_game, players, ends, units)

    def system(unknown: jax.Array) -> jax.Array:
        at, slack, w = unknown[: point.size], unknown[point.size], unknown[point.size + 1 :]
        value, pull = jax.vjp(field, at)
        return jnp.concatenate([value + slack * w, pull(w)[0], (w @ w - 1)[None]])

    def improve(_: jax.Array, unknown: jax.Array) -> jax.Array:
        return unknown - jnp.linalg.solve(dense_derivative(system, unknown), system(unknown))

    with exact_products():
        left = jnp.linalg.svd(dense_derivative(field, point), full_matrices=False)[0][:, -1]
        start = jnp.concatenate([point, jnp.zeros(1, point.dtype), left])
        end = jax.lax.fori_loop(0, POLISHING, improve, start)
        end, slack = end[: point.size], end[point.size]
        derivative = dense_derivative(field, end)
    eps, size = jnp.finfo(point.dtype).eps, 1 + jnp.linalg.norm(point)
    is_near = jnp.linalg.norm(end - point) <= eps**0.25 * size
    is_zero = jnp.abs(slack) <= FOUND * eps * size * jnp.linalg.norm(derivative)
    return end, jnp.linalg.eigvals(jnp.nan_to_num(derivative[:, :-1] / units)), is_near & is_zero


@partial(jax.jit, static_argnums=0)
def _other_direction(
    make_game: MakeGame, players: Players, ends: jax.Array, units: jax.Array, point: jax.Array, tangent: jax.Array
) -> jax.Array:
    """Return the tangent of the other curve through a simple branch point.

    The derivative of the field has two null vectors there. With w its left null vector, the tangents of both curves are
    the combinations t of them with ``w v''[t, t] = 0``, the zeros of a quadratic form of two variables.
    """
    field = field_of(make_game, players, ends, units)
    with exact_products():
        left, _, rows = jnp.linalg.svd(dense_derivative(field, point), full_matrices=True)
        null = rows[-2:]

        def second(one: jax.Array, other: jax.Array) -> jax.Array:
            slope = lambda at: jax.jvp(field, (at,), (one,))[1]
            return left[:, -1] @ jax.jvp(slope, (point,), (other,))[1]

        form = jax.vmap(jax.vmap(second, (None, 0)), (0, None))(null, null)
        (low, high), axes = jnp.linalg.eigh((form + form.T) / 2)
        parts = jnp.sqrt(jnp.maximum(high, 0)) * axes[:, 0], jnp.sqrt(jnp.maximum(-low, 0)) * axes[:, 1]
        tangents = jnp.stack([parts[0] + parts[1], parts[0] - parts[1]])
        along = null @ tangent
        along = along / jnp.linalg.norm(along)
        other = tangents[jnp.argmin(jnp.abs(tangents @ along))]
        size = jnp.linalg.norm(other)
        # Curves that touch each other have a form of zero.
        aside = jnp.array([-along[1], along[0]])
        return jnp.where(size > 0, other / jnp.where(size > 0, size, 1), aside) @ null
