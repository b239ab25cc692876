"""Calls of functions that users write: the one place that explains why a call can't work."""

import contextlib
import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax

from gamesolve.trees import PyTree


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Replace JAX's report of a leaked tracer by an error about the user's function ``name``."""
    try:
        yield
    except jax.errors.UnexpectedTracerError as error:
        raise ValueError(
            f"{name} must be a pure function of its arguments, but it uses a traced value kept from an earlier call. "
            "Pass arrays through constants= or the data."
        ) from error


def called(
    name: str, function: Callable[..., PyTree], *args: PyTree, takes: str, hint: str, lacking: str | None = None
) -> PyTree:
    """Call a user's function, and raise an error that says what it must take if it can't be called so.

    Errors inside the function are passed through.

    Args:
        name: name of the function, for the message.
        function: the function.
        *args: its arguments.
        takes: description of the arguments.
        hint: what to do if the function does not take them.
        lacking: what to do if it wants more than them. Default: ``hint``.
    """
    if not callable(function):
        raise TypeError(f"{name} must be a function of {takes}, got {type(function).__name__}. {hint}")
    with explained(name):
        try:
            return function(*args)
        except TypeError:
            seen = _misfit(function, args)
            if seen is None:
                raise
            wants_more = lacking is not None and required(function) > len(args)
            raise TypeError(f"{name} must take {takes}, got {seen}. {lacking if wants_more else hint}") from None


def bound(
    name: str, signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    """Return the arguments of a function by name, or raise an error that names those that don't fit."""
    try:
        return signature.bind(*args, **kwargs)
    except TypeError:
        known = list(signature.parameters)
        unknown = [key for key in kwargs if key not in known]
        missing = [key for key in known[len(args) :] if key not in kwargs and _is_required(signature.parameters[key])]
        if unknown:
            # lr resembles learning_rate too little for a search.
            near = difflib.get_close_matches({"lr": "learning_rate"}.get(unknown[0], unknown[0]), known, n=1)
            wanted, seen = f"be among {', '.join(known)}", ", ".join(unknown)
            advice = f"Did you mean {near[0]}?" if near else "Leave it out."
        elif missing:
            wanted, seen = f"include {', '.join(missing)}", "no value"
            advice = f"Write {name}({', '.join(f'{key}=...' for key in missing)})."
        else:
            wanted, seen = f"be {', '.join(known)}, each once", f"{len(args) + len(kwargs)} values"
            advice = "Pass them by name."
        raise TypeError(f"the arguments of {name} must {wanted}, got {seen}. {advice}") from None


def _misfit(function: Callable[..., Any], args: tuple[Any, ...]) -> str | None:
    """Return a function's name and parameters if it can't take these arguments, else None."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions of other languages have none
        return None
    try:
        signature.bind(*args)
    except TypeError:
        inner = function
        while isinstance(inner, functools.partial) or hasattr(inner, "__wrapped__"):
            inner = inner.func if isinstance(inner, functools.partial) else inspect.unwrap(inner)
        name = getattr(inner, "__name__", type(inner).__name__).strip("<>")  # <lambda> would be a tag in notebooks
        return f"{name}({', '.join(signature.parameters)})"
    return None


def required(function: Any) -> int:
    """Return the number of arguments that a function can't do without; 0 if its signature is not known."""
    try:
        return sum(map(_is_required, inspect.signature(function).parameters.values()))
    except (TypeError, ValueError):
        return 0


def _is_required(parameter: inspect.Parameter) -> bool:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is parameter.empty and parameter.kind not in variadic
