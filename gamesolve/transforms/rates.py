"""Step sizes, weights and other coefficients of solvers.

Every coefficient of type ``Rates`` may be a number, an optax schedule, an array, or a tuple with one of these per
player. A schedule is a function of the number of steps that its part has taken. Numbers and
arrays must be finite and not negative, which is checked unless they are traced, and each is one number.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gamesolve.checks import check_real, known
from gamesolve.checks.calls import called
from gamesolve.trees import PyTree, Scalar, State

Rate = float | jax.Array | Callable[[jax.Array], Scalar]
Rates = Rate | tuple[Rate, ...]
# Rates without schedules: a number or an array, or a tuple with one of these per player.
Values = Scalar | tuple[Scalar, ...]
RatesState = optax.ScaleByScheduleState | optax.EmptyState


def check(name: str, rates: Rates, *, signed: bool = False) -> None:
    """Raise if a coefficient is of the wrong kind, or known to be negative or not finite.

    Args:
        name: name of the coefficient in the message.
        rates: the coefficient.
        signed: whether it may be negative. Default: False.
    """
    for rate in listed(rates):
        if callable(rate):
            continue
        check_real(name, rate, "a number, a schedule or a tuple with one of these per player")
        value = known(rate)
        if value is not None and not (np.isfinite(value).all() and (signed or (value >= 0).all())):
            raise ValueError(f"{name} must be finite{'' if signed else ' and not negative'}, got {rate}.")


def check_signed(name: str, values: Values, *, or_complex: bool = False) -> None:
    """Raise unless a value is a finite number or array of any sign, or a tuple of these.

    Args:
        name: name of the value in the message.
        values: the value.
        or_complex: whether it may be complex. Default: False.
    """
    for value in listed(values):
        check_real(name, value, "a number or a tuple with one number per player", or_complex=or_complex)
        number = known(value)
        if number is not None and not np.isfinite(number).all():
            raise ValueError(f"{name} must be finite, got {value}.")


def check_shapes(name: str, values: Values) -> None:
    """Raise if a value is an array of several numbers, which would broadcast against the players' arrays.

    Solvers of stacked values can be made and are mapped over, so this is known only when the values are used.
    """
    value: Scalar
    for value in listed(values):
        if jnp.ndim(value):
            raise ValueError(
                f"{name} must be one number per player, got an array of shape {jnp.shape(value)}. Give a tuple with "
                "one number per player, jax.vmap over the solver, or scale each parameter by a metric."
            )


def listed(rates: Rates | Values) -> tuple[Rate, ...]:
    """Return the rates as a tuple, with one entry if there is one rate for all."""
    return rates if isinstance(rates, tuple) else (rates,)


def is_scheduled(rates: Rates) -> bool:
    """Whether any of the rates is a schedule."""
    return any(map(callable, listed(rates)))


def init(rates: Rates) -> RatesState:
    """Return the state that the rates need: a step count if one of them is a schedule, else nothing."""
    return optax.ScaleByScheduleState(jnp.zeros((), jnp.int32)) if is_scheduled(rates) else optax.EmptyState()


def current(rates: Rates, state: State, name: str = "learning_rate") -> Values:
    """Return the rates with each schedule replaced by its value at the state's count.

    Raises:
        ValueError: if a rate is an array of several numbers.
    """

    def value(rate: Rate) -> Scalar:
        if not callable(rate):
            return rate
        hint = "Write lambda count: ..., or use a schedule of optax."
        return called(f"the schedule of {name}", rate, state.count, takes="the number of steps", hint=hint)

    values = tuple(map(value, rates)) if isinstance(rates, tuple) else value(rates)
    check_shapes(name, values)
    for complex_value in filter(jnp.iscomplexobj, listed(values)):
        raise TypeError(f"{name} must be real, got {complex_value}.")
    return values


def advance(state: RatesState) -> RatesState:
    """Count one step."""
    if isinstance(state, optax.EmptyState):
        return state
    return optax.ScaleByScheduleState(optax.safe_increment(state.count))


def spread(rates: Values, number: int, name: str = "learning_rate") -> tuple[Scalar, ...]:
    """Return one rate per player.

    Args:
        rates: one rate for all, or a tuple with one per player.
        number: number of players.
        name: name of the rates in the message.

    Raises:
        ValueError: if a tuple has another length.
    """
    if not isinstance(rates, tuple):
        return (rates,) * number
    if len(rates) != number:
        raise ValueError(
            f"{name} must have one entry per player, got {len(rates)} for {number} players. Give a tuple of {number}, "
            "or one number for all."
        )
    return rates


def times(rates: Values, tree: PyTree, name: str = "learning_rate") -> PyTree:
    """Multiply a tree by one number, or each player's entry by its own, in the precision of the leaves."""
    if not isinstance(rates, tuple):
        return jax.tree.map(lambda leaf: _product(rates, leaf), tree)
    if not isinstance(tree, tuple):
        raise ValueError(f"{name} must be one number for a single player, got {len(rates)} of them.")
    pairs = zip(spread(rates, len(tree), name), tree, strict=True)
    return tuple(jax.tree.map(lambda leaf, rate=rate: _product(rate, leaf), entry) for rate, entry in pairs)


def _product(rate: Scalar, leaf: jax.Array) -> jax.Array:
    leaf = jnp.asarray(leaf)
    return jnp.asarray(rate, leaf.dtype) * leaf
