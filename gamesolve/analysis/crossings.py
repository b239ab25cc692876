"""Folds, branch points and Hopf points between two points of a curve of equilibria, located by bisection."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.analysis.pseudo_arclength import Curve, MakeGame, Spot, correct, field_of
from gamesolve.game import exact_products
from gamesolve.linear.dense import dense_derivative
from gamesolve.trees import Players
from gamesolve.trees.faces import shown

# Numbers within so many rounding errors of the largest modulus count as zero: centres must not seem to cross.
ZERO = 100
# Imaginary parts above this fraction of the largest modulus make an eigenvalue complex. Rounding splits a double real
# eigenvalue by about the root of the precision.
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


def crossings(curve: Curve, last: Spot, spot: Spot) -> list[tuple[Event, Spot]]:
    """Return the events between two points of a curve, in their order, each with the last point before it."""
    length = float(last.tangent @ (spot.point - last.point))
    turned, crossed = (bool(test(last) != test(spot)) for test in (_direction, _sign))
    # On a curve at one parameter the tangent's component along the parameter is rounding.
    turned = turned and min(abs(last.tangent[-1]), abs(spot.tangent[-1])) > ZERO * np.finfo(spot.point.dtype).eps
    # A single real eigenvalue crosses zero at folds and branch points only.
    more = abs(_unstable(last) - _unstable(spot)) > turned + crossed + 1
    found = [
        (at, kind, where)
        for test, kind, here in ((_direction, FOLD, turned), (_sign, BRANCH_POINT, crossed), (_unstable, None, more))
        if here
        for at, where in [_bisected(curve, last, length, test)]
    ]
    return [(_event(curve, kind, where), where) for _, kind, where in sorted(found, key=lambda entry: entry[0])]


def _direction(spot: Spot) -> bool:
    return bool(spot.tangent[-1] > 0)


def _sign(spot: Spot) -> bool:
    return bool(spot.sign > 0)


def _unstable(spot: Spot) -> int:
    """Return the number of eigenvalues with positive real part."""
    return int(np.sum(spot.eigenvalues.real > ZERO * np.finfo(spot.point.dtype).eps * _size(spot)))


def _size(spot: Spot) -> float:
    return float(np.max(np.abs(spot.eigenvalues)))


def _bisected(curve: Curve, last: Spot, length: float, test: Callable[[Spot], int]) -> tuple[float, Spot]:
    """Return the distance along the tangent where a test first gives another result, and the point there."""
    near, far, before = 0.0, length, test(last)
    found = last
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        if middle in (near, far):
            break
        spot = correct(curve, last.point + middle * last.tangent, last.tangent)
        # Next to a branch point Newton's method may fail; the result there is that of either side.
        if spot.found and test(spot) == before:
            near, found = middle, spot
        else:
            far = middle
    return near, found


def _event(curve: Curve, kind: str | None, spot: Spot) -> Event:
    value = complex(spot.eigenvalues[np.argmin(np.abs(spot.eigenvalues.real))])
    if kind is None:
        kind = HOPF_POINT if abs(value.imag) > COMPLEX * _size(spot) else BRANCH_POINT
        simple = False
    else:
        simple = kind == BRANCH_POINT
    direction = None
    point = spot.point
    if simple:
        point, values = map(np.asarray, _branch_point(*curve, jnp.asarray(spot.point)))
        value = complex(values[np.argmin(np.abs(values))])
        vector = np.asarray(_other_direction(*curve, jnp.asarray(point), jnp.asarray(spot.tangent)))
        direction = curve.unravel(vector), float(vector[-1] * (curve.ends[1] - curve.ends[0]))
    return Event(kind, curve.parameter(point), curve.unravel(point), value, direction)


@partial(jax.jit, static_argnums=0)
def _branch_point(
    make_game: MakeGame, players: Players, ends: jax.Array, point: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Polish a simple branch point by Newton's method on a system that is regular there; return J's eigenvalues too.

    The unknowns are the point z, a number s and a left null vector w: ``v + s w = 0, w v' = 0, w w = 1``.
    """
    field = field_of(make_game, players, ends)

    def system(unknown: jax.Array) -> jax.Array:
        at, slack, w = unknown[: point.size], unknown[point.size], unknown[point.size + 1 :]
        value, pull = jax.vjp(field, at)
        return jnp.concatenate([value + slack * w, pull(w)[0], (w @ w - 1)[None]])

    def improve(_: jax.Array, unknown: jax.Array) -> jax.Array:
        return unknown - jnp.linalg.solve(dense_derivative(system, unknown), system(unknown))

    with exact_products():
        left = jnp.linalg.svd(dense_derivative(field, point), full_matrices=False)[0][:, -1]
        start = jnp.concatenate([point, jnp.zeros(1, point.dtype), left])
        end = jax.lax.fori_loop(0, POLISHING, improve, start)[: point.size]
    near = jnp.linalg.norm(end - point) <= jnp.finfo(point.dtype).eps ** 0.25 * (1 + jnp.linalg.norm(point))
    point = jnp.where(near, end, point)
    return point, jnp.linalg.eigvals(dense_derivative(field, point)[:, :-1])


@partial(jax.jit, static_argnums=0)
def _other_direction(
    make_game: MakeGame, players: Players, ends: jax.Array, point: jax.Array, tangent: jax.Array
) -> jax.Array:
    """Return the tangent of the other curve through a simple branch point.

    The derivative of the field has two null vectors there. With w its left null vector, the tangents of both curves are
    the combinations t of them with ``w v''[t, t] = 0``, the zeros of a quadratic form of two variables.
    """
    field = field_of(make_game, players, ends)
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
