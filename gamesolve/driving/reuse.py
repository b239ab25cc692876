"""Let equal functions share a compiled program: a lambda in a loop is a new function each time, but the same code.

Two functions are equal if they have the same code and read the same objects, and if nothing that they read can change.
Then their traces are equal too. In doubt a function equals only itself, and is compiled again.
"""

import dataclasses
import dis
import functools
import types
from collections.abc import Iterator
from typing import Any, TypeAlias

import jax
from jax.core import Tracer

from gamesolve.driving.outside import closed_over
from gamesolve.driving.plan import Plan
from gamesolve.game import Negated, Payoff
from gamesolve.trees import PyTree

Read: TypeAlias = tuple[str, Any]

# Libraries whose modules and functions give the same results each time.
_PURE = {"functools", "gamesolve", "jax", "math", "operator", "optax"}
_PURE_BUILTINS = {"abs", "all", "any", "dict", "divmod", "enumerate", "float", "int", "isinstance", "len", "list"}
_PURE_BUILTINS |= {"map", "max", "min", "pow", "range", "reversed", "round", "sorted", "str", "sum", "tuple", "zip"}
_IMMUTABLE = (bool, int, float, complex, str, bytes, type(None))
# Operations by which code reads or writes more than the variables that can be listed.
_HIDDEN = {"IMPORT_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "LOAD_NAME", "LOAD_BUILD_CLASS"}


class Same:
    """A function that equals others of the same code that read the same objects."""

    def __init__(self, function: types.FunctionType, reads: tuple[Read, ...]) -> None:
        """Keep the objects, so that no others get their identities."""
        self.__wrapped__, self._reads = function, reads
        self._key = tuple((name, id(value)) for name, value in reads)

    def __call__(self, *args: PyTree, **keywords: PyTree) -> PyTree:
        """Call the function."""
        return self.__wrapped__(*args, **keywords)

    def __eq__(self, other: object) -> bool:
        """Return whether the other function has the same code and reads the same objects."""
        return isinstance(other, Same) and self._key == other._key

    def __hash__(self) -> int:
        """Return a hash of the code and of the objects."""
        return hash(self._key)


class _MutableError(Exception):
    """A function reads something that can change, or writes to it."""


def shared(plan: Plan) -> Plan:
    """Return a plan whose functions equal those of other plans if they are bound to give the same results."""
    game = dataclasses.replace(plan.game, payoffs=tuple(map(_payoff, plan.game.payoffs)))
    return dataclasses.replace(plan, game=game, record=_called(plan.record), sample=_called(plan.sample))


def _payoff(payoff: Payoff) -> Payoff:
    return Negated(_payoff(payoff.function)) if isinstance(payoff, Negated) else _same(payoff)


def _called(function: Any) -> Any:
    """Return a record or sampler, which a plan holds as a pytree, with its function made `Same`."""
    plain = isinstance(function, jax.tree_util.Partial) and not function.args and not function.keywords
    return jax.tree_util.Partial(_same(function.func)) if plain else function


def _same(function: Any) -> Any:
    # A function of a module is one object, whatever it reads.
    if not isinstance(function, types.FunctionType) or "<" not in function.__qualname__:
        return function
    try:
        return Same(function, tuple(_reads(function, set())))
    except _MutableError:
        return function


def _reads(function: types.FunctionType, seen: set[int]) -> Iterator[Read]:
    """Yield the code and the objects that a function reads, by name, also through the functions that it calls."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield "code", function.__code__
    yield "globals", function.__globals__
    for name in _globals(function.__code__):
        if name in function.__globals__:
            yield from _fixed(name, function.__globals__[name], seen)
        elif name not in _PURE_BUILTINS:
            raise _MutableError
    defaults = {str(place): value for place, value in enumerate(function.__defaults__ or ())}
    for name, value in (*closed_over(function).items(), *defaults.items(), *(function.__kwdefaults__ or {}).items()):
        yield from _fixed(name, value, seen)


def _fixed(name: str, value: Any, seen: set[int]) -> Iterator[Read]:
    """Yield what identifies a value that can't change, or raise."""
    if isinstance(value, types.ModuleType):
        pure = value.__name__.partition(".")[0] in _PURE
    elif isinstance(value, jax.Array):
        pure = not isinstance(value, Tracer)
    else:
        pure = type(value) in _IMMUTABLE
    if pure:
        yield name, value
    elif isinstance(value, types.FunctionType):
        yield from _reads(value, seen)
    else:
        raise _MutableError


@functools.lru_cache(maxsize=1024)
def _globals(code: types.CodeType) -> tuple[str, ...]:
    """Return the globals and builtins that code reads, or raise if it reads or writes more."""
    names = []
    for instruction in dis.get_instructions(code):
        writes = instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and instruction.argval in code.co_freevars
        if writes or instruction.opname in _HIDDEN:
            raise _MutableError
        if instruction.opname == "LOAD_GLOBAL":
            names.append(instruction.argval)
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return tuple(dict.fromkeys((*names, *(name for entry in inner for name in _globals(entry)))))
