"""A class of fields as inequalities between pairs of its values, in the coefficients of `formal_step`.

With ``F = -v``, each inequality is a quadratic form that is nonnegative for every field of the class. A form has one
matrix per player, because vectors of different players have no inner product: the terms of the players are summed.
"""

import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from gamesolve.checks import check_number, known

# For each player, a vector of coefficients; and for each player, a symmetric matrix.
Vectors = tuple[np.ndarray, ...]
Form = tuple[np.ndarray, ...]


class FieldClass(NamedTuple):
    """Fields that are strongly monotone, Lipschitz and cocoercive, or Lipschitz and weakly Minty.

    Attributes:
        mu: ``<F(a) - F(b), a - b> >= mu |a - b|^2``.
        L: Lipschitz constant of F; infinite for none.
        cocoercivity: ``<F(a) - F(b), a - b> >= cocoercivity |F(a) - F(b)|^2``; zero for none.
        weak_minty: ``<F(a), a - z*> >= -weak_minty / 2 |F(a)|^2`` at an equilibrium z*, in place of the inequality of
            ``mu``; None for monotone fields.
    """

    mu: float
    L: float
    cocoercivity: float
    weak_minty: float | None = None

    @property
    def unit(self) -> float:
        """The unit in which fields are measured."""
        return self.L if math.isfinite(self.L) else 1.0

    def scaled(self) -> "FieldClass":
        """Return the class in its own unit."""
        weak_minty = None if self.weak_minty is None else self.weak_minty * self.unit
        return FieldClass(self.mu / self.unit, self.L / self.unit, self.cocoercivity * self.unit, weak_minty)


class Value(NamedTuple):
    """A point and the value of an operator there, for each player."""

    point: Vectors
    value: Vectors


def field_class(mu: float, L: float, cocoercivity: float, weak_minty: float | None = None) -> FieldClass:
    """Return the class, or raise unless it has members."""
    check_scalar("mu", mu, least=0.0)
    check_scalar("cocoercivity", cocoercivity, least=0.0)
    number = known(L)
    if number is None or number.ndim or not np.isposinf(number):
        check_scalar("L", L, above=0.0)
    if mu > L or cocoercivity * mu > 1:
        raise ValueError(
            f"mu must be at most L and 1 / cocoercivity, got mu={mu}, L={L}, cocoercivity={cocoercivity}. No field is "
            "in this class."
        )
    if weak_minty is not None:
        check_scalar("weak_minty", weak_minty, least=0.0)
        if mu or cocoercivity:
            raise ValueError(
                f"weak_minty must stand without mu and cocoercivity, got mu={mu}, cocoercivity={cocoercivity}. Fields "
                "with these are monotone: leave out weak_minty."
            )
    fields = FieldClass(float(mu), float(min(L, 1 / cocoercivity if cocoercivity else L)), float(cocoercivity))
    return fields if weak_minty is None else fields._replace(weak_minty=float(weak_minty))


def check_scalar(name: str, value: Any, **bounds: float) -> None:
    """Raise an error unless a value is one finite number within its bounds, not an array and not traced."""
    check_number(name, value, **bounds)
    number = known(value)
    if number is None:
        raise TypeError(f"{name} must be a known number, got {value}. Call certificates outside of jit and vmap.")
    if number.ndim:
        raise ValueError(f"{name} must be one number, got an array of shape {number.shape}. Pass a float.")


def of_fields(fields: FieldClass, values: list[Value]) -> list[Form]:
    """Return the inequalities of the class between all pairs of values, the first of which is at an equilibrium."""
    found = [form for pair in itertools.combinations(values, 2) for form in _between(fields, _change(*pair))]
    if fields.weak_minty is not None:
        away = [_change(value, values[0]) for value in values[1:]]
        found += [_combined(_product(change), fields.weak_minty / 2, square(change.value)) for change in away]
    return found


def of_monotone(values: list[Value]) -> list[Form]:
    """Return the inequalities of monotone operators between all pairs of values."""
    return [_product(_change(*pair)) for pair in itertools.combinations(values, 2)]


def of_normals(values: list[Value]) -> list[Form]:
    """Return the inequalities of normal vectors of a convex set: no point of the set is ahead of another one."""
    return [_product(_change(a, b)._replace(value=a.value)) for a, b in itertools.permutations(values, 2)]


def symmetric(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the matrix of the quadratic form that multiplies two linear ones."""
    return (np.outer(a, b) + np.outer(b, a)) / 2


def square(vectors: Vectors) -> Form:
    """Return the form of a squared norm."""
    return tuple(symmetric(x, x) for x in vectors)


def _between(fields: FieldClass, change: Value) -> list[Form]:
    points, values, product = square(change.point), square(change.value), _product(change)
    found = [_combined(product, -fields.mu, points)] if fields.weak_minty is None else []
    if math.isfinite(fields.L):
        found.append(_combined(tuple(fields.L**2 * x for x in points), -1.0, values))
    if fields.cocoercivity > 0:
        found.append(_combined(product, -fields.cocoercivity, values))
    return found


def _product(change: Value) -> Form:
    return tuple(map(symmetric, change.point, change.value))


def _change(a: Value, b: Value) -> Value:
    return Value(*(tuple(map(np.subtract, x, y)) for x, y in zip(a, b, strict=True)))


def _combined(a: Form, factor: float, b: Form) -> Form:
    return tuple(x + factor * y for x, y in zip(a, b, strict=True))
