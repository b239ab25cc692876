"""One sentence for each mistake: counts, limits, numbers, and calls of functions that users wrote."""

import contextlib
import enum
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, Self, TypeVar

import jax
import numpy as np

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Ending(enum.IntEnum):
    """How something ended, and the sentence that says so: the base of `gamesolve.Status` and `linear.Outcome`."""

    sentence: str

    def __new__(cls, value: int, sentence: str) -> Self:
        """Make a member of its number and its sentence."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


def check_limit(name: str, value: Any) -> None:
    """Raise if a limit is no number, or a plain number that is negative or NaN."""
    if isinstance(value, str | tuple | list | dict) or callable(value):
        raise TypeError(f"{name} is {value!r}; give one number.")
    if isinstance(value, float | int | np.number) and not value >= 0:
        raise ValueError(f"{name} is {value}; it must not be negative.")


def as_pytree(name: str, function: Any) -> Any:
    """Return a function as a pytree, so that ``jit`` takes it: static, or with leaves where it has some."""
    if function is not None and not callable(function):
        raise TypeError(f"{name} must be a function, got {type(function).__name__}.")
    return jax.tree_util.Partial(function) if jax.tree_util.all_leaves([function]) else function


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a count as an int, or raise a sentence that names it."""
    try:
        count = value.__index__()
    except (AttributeError, TypeError):
        raise TypeError(
            f"{name} must be a whole number, got {type(value).__name__}; it is part of the program."
        ) from None
    if count < least:
        raise ValueError(f"{name} is {count}; it must be at least {least}.")
    return count


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn JAX's report of a leaked tracer into a sentence about a function of the user."""
    try:
        yield
    except jax.errors.UnexpectedTracerError as error:
        raise ValueError(
            f"{name} uses a traced value that was kept from an earlier call; make it a pure function of its arguments "
            "and pass arrays through constants= or the data."
        ) from error


def check_number(name: str, value: Any, above: float | None = None, most: float | None = None) -> None:
    """Raise unless a value is one number (or array), and, where it is a plain one, finite and within its bounds.

    Args:
        name: what the caller calls it, for the message.
        value: the value.
        above: what it must exceed.
        most: what it must not exceed.
    """
    if callable(value) or value is None or isinstance(value, str | tuple | list | dict):
        kind = "a schedule" if callable(value) else repr(value)
        raise TypeError(f"{name} is {kind}; it takes one number for all players.")
    if isinstance(value, float | int | np.number):
        low, high = above is not None and value <= above, most is not None and value > most
        if not math.isfinite(value) or low or high:
            lower = "" if above is None else f" and above {above}"
            upper = "" if most is None else f" and at most {most:.4g}"
            raise ValueError(f"{name} is {value}; it must be finite{lower}{upper}.")


def deprecated(
    old: str, new: str, version: str
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Return a decorator that keeps a former name working, and warns once when it is called.

    Args:
        old: former name.
        new: name, or expression, that replaces it.
        version: first release without the former name.

    Returns:
        The decorator, for the function under its new name.

    Example:
        >>> from gamesolve.checks import deprecated
        >>> def cube(x):
        ...     return x**3
        >>> third_power = deprecated("third_power", "cube", "0.3")(cube)
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @functools.cache
        def warn() -> None:
            warnings.warn(
                f"{old} is deprecated and will be removed in gamesolve {version}. Use {new}.",
                DeprecationWarning,
                stacklevel=3,
            )

        @functools.wraps(function)
        def renamed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            warn()
            return function(*args, **kwargs)

        return renamed

    return decorate
