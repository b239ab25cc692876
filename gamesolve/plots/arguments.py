"""Arguments of the plots: errors name the argument, what was passed, and where the right thing comes from."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from gamesolve.driving.plan import Solution

Kind = TypeVar("Kind")


def by_name(argument: str, values: Mapping[str, Any], entries: str) -> Mapping[str, Any]:
    """Return values by name, or raise unless they are a dict; ``entries`` describes one of them."""
    refuse_solution(argument, values)
    if not isinstance(values, Mapping):
        raise TypeError(
            f"{argument} must be a dict of {entries} by name, got {type(values).__name__}. Write {{'name': ...}}."
        )
    return values


def of_kind(argument: str, value: object, kind: type[Kind], source: str) -> Kind:
    """Return a value, or raise unless it has the kind that ``source`` makes."""
    if not isinstance(value, kind):
        seen = type(value).__name__
        raise TypeError(f"{argument} must be a {kind.__name__}, got {seen}. Make one with {source}.")
    return value


def numbers(argument: str, values: Any, dtype: type = float) -> np.ndarray:
    """Return values as an array, or raise if they are not numbers."""
    refuse_solution(argument, values)
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError):
        raise TypeError(f"{argument} must be an array of numbers, got {type(values).__name__}.") from None


def refuse_solution(argument: str, value: object) -> None:
    """Raise if a whole solution was passed instead of what it recorded."""
    if isinstance(value, Solution):
        raise TypeError(
            f"{argument} must hold arrays, got a Solution. Record them with record= and pass its trace, for example "
            "{'name': solution.trace}."
        )
