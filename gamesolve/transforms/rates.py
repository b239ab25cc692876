"""Step sizes and other per-player numbers: a number, an optax schedule, or a tuple with one of those per player."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

Rate = float | jax.Array | Callable[[Any], Any]
Rates = Rate | tuple[Rate, ...]


def check(name: str, rates: Any) -> None:
    """Raise if a rate that is a plain number is negative or not finite.

    Args:
        name: what the caller calls it, for the message.
        rates: a number, a schedule, an array or a tuple of those.
    """
    for rate in listed(rates):
        if isinstance(rate, str | list | dict) or rate is None:
            raise TypeError(f"{name} is {rate!r}; give a number, a schedule or a tuple with one of those per player.")
        if isinstance(rate, float | int | np.number) and not (math.isfinite(rate) and rate >= 0):
            raise ValueError(f"{name} is {rate}; it must be finite and not negative.")


def check_signed(name: str, values: Any) -> None:
    """Raise unless a value is a finite number of any sign, real or complex, an array, or a tuple of those.

    Args:
        name: what the caller calls it, for the message.
        values: the value.
    """
    for value in listed(values):
        if callable(value) or value is None or isinstance(value, str | tuple | list | dict):
            kind = "a schedule" if callable(value) else repr(value)
            raise TypeError(f"{name} is {kind}; give a number or a tuple with one number per player.")
        if isinstance(value, float | int | complex | np.number) and not np.isfinite(value):
            raise ValueError(f"{name} is {value}; it must be finite.")


def listed(rates: Rates) -> tuple[Rate, ...]:
    """Return the rates as a tuple, of one where there is one for all."""
    return rates if isinstance(rates, tuple) else (rates,)


def is_scheduled(rates: Rates) -> bool:
    """Whether any of the rates is a schedule."""
    return any(map(callable, listed(rates)))


def init(rates: Rates) -> optax.ScaleByScheduleState | optax.EmptyState:
    """Return the state that the rates need: a step count where one is a schedule, else nothing."""
    return optax.ScaleByScheduleState(jnp.zeros((), jnp.int32)) if is_scheduled(rates) else optax.EmptyState()


def current(rates: Rates, state: Any) -> Any:
    """Return the rates with each schedule replaced by its value at the state's count."""
    if not is_scheduled(rates):
        return rates
    at = lambda rate: rate(state.count) if callable(rate) else rate
    return tuple(map(at, rates)) if isinstance(rates, tuple) else at(rates)


def advance(state: Any) -> Any:
    """Count one step."""
    if isinstance(state, optax.EmptyState):
        return state
    return optax.ScaleByScheduleState(optax.safe_increment(state.count))


def spread(rates: Any, number: int, name: str = "learning_rate") -> tuple[Any, ...]:
    """Return one rate per player.

    Args:
        rates: one rate for all, or a tuple with one per player.
        number: number of players.
        name: what the caller calls the rates, for the message.

    Raises:
        ValueError: if a tuple has another length.
    """
    if not isinstance(rates, tuple):
        return (rates,) * number
    if len(rates) != number:
        raise ValueError(f"{name} has {len(rates)} entries for {number} players; give one entry each, or one number.")
    return rates


def times(rates: Any, tree: Any, name: str = "learning_rate") -> Any:
    """Multiply a tree by one number, or each player's entry by its own, in the precision of the leaves."""
    if not isinstance(rates, tuple):
        return jax.tree.map(lambda leaf: _product(rates, leaf), tree)
    pairs = zip(spread(rates, len(tree), name), tree, strict=True)
    return tuple(jax.tree.map(lambda leaf, rate=rate: _product(rate, leaf), entry) for rate, entry in pairs)


def _product(rate: Any, leaf: Any) -> jax.Array:
    leaf = jnp.asarray(leaf)
    return jnp.asarray(rate, leaf.dtype) * leaf
