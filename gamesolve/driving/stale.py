"""Warn if a compiled program keeps values that its functions read from outside and that have changed since.

JAX traces a function once. A global, an attribute of an object or an entry of a numpy array that a payoff reads is then
part of the compiled program, and a later change does not reach it. `remember` notes these values while a program is
traced, and `check` compares them each time it has run. Both work on the host; functions that read nothing cost a few
microseconds.
"""

import functools
import types
import warnings
import zlib
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, TypeAlias

import jax
import numpy as np
from jax.core import Tracer

from gamesolve.driving.outside import installed, names_read, variables
from gamesolve.driving.plan import Plan
from gamesolve.game import Game, signed
from gamesolve.trees import PyTree

Readings: TypeAlias = dict[str, Hashable]
Found: TypeAlias = Iterator[tuple[str, Hashable]]

# How far to follow objects that hold objects, how many entries of each, and how many bytes of an array to look at.
DEPTH, ENTRIES, BYTES = 4, 100, 2**20
# Programs to remember at most.
PROGRAMS = 1000

SIMPLE, PURE = (bool, int, float, complex, str, bytes, np.generic), (types.ModuleType, type)

# What the functions of each program read when it was traced. The key is compared, not only hashed: the hash of a
# structure leaves out its static fields, such as the payoffs.
_programs: dict[Hashable, Readings] = {}


def functions_of(plan: Plan) -> dict[str, Any]:
    """Return the functions of a run that users write, by their names in messages; each function once."""
    functions = {}
    for player, payoff in enumerate(plan.game.payoffs):
        functions.setdefault(signed(payoff)[1], f"the payoff of player {player}")
    others = {"record": plan.record, "sample": plan.sample}
    return {name: function for function, name in functions.items()} | others


def remember(functions: Mapping[str, Any], args: PyTree) -> None:
    """Note what functions read; called while a program of these arguments is traced.

    Args:
        functions: the functions by name, see `functions_of`.
        args: the arguments of the program, whose structure and shapes tell programs apart.
    """
    found = readings(functions)
    if found:
        if len(_programs) >= PROGRAMS:
            _programs.clear()
        _programs[_program(args)] = found


def check(functions: Mapping[str, Any], args: PyTree) -> None:
    """Warn once about each value that has changed since the program of these arguments was traced."""
    found = readings(functions)
    if not found or any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(args)):
        return
    before = _programs.get(_program(args), {})
    for name, value in found.items():
        if name in before and (before[name],) != (value,):  # in tuples, NaN equals itself
            del before[name]  # reported once
            warnings.warn(
                f"{name} has changed since the program was compiled, which keeps the old value. Pass values that "
                "change through constants= or the data.",
                stacklevel=3,
            )


def readings(functions: Mapping[str, Any]) -> Readings:
    """Return the values that functions read from outside, by name; arrays as checksums."""
    return dict(entry for name, function in functions.items() for entry in _outside(function, name, DEPTH, set()))


def _program(args: PyTree) -> Hashable:
    leaves, treedef = jax.tree.flatten(args)
    return treedef, tuple(map(jax.typeof, leaves))


def _outside(function: Any, name: str, depth: int, seen: set[tuple[int, int]]) -> Found:
    """Yield what a function reads from outside; functions of installed libraries are not followed."""
    if isinstance(function, types.FunctionType):
        if not installed(function.__code__.co_filename):
            for variable, value in variables(function).items():
                yield from _values(value, f"{variable} of {name}", names_read(function), depth, seen)
    elif isinstance(function, functools.partial):  # also the functions that JAX passes as pytrees
        yield from _outside(function.func, name, depth, seen)
        if not isinstance(function, jax.tree_util.Partial):
            bound = (*function.args, *function.keywords.values())
            yield from _values(bound, name, names_read(function.func), depth, seen)
    elif isinstance(function, types.MethodType):
        yield from _outside(function.__func__, name, depth, seen)
        yield from _values(function.__self__, f"self of {name}", names_read(function), depth, seen)
    elif function is None:
        return
    elif hasattr(function, "__wrapped__"):  # jax.jit and other decorators
        yield from _outside(function.__wrapped__, name, depth, seen)
    elif isinstance(called := vars(type(function)).get("__call__"), types.FunctionType):
        yield from _outside(types.MethodType(called, function), name, depth, seen)


def _values(value: Any, name: str, words: tuple[str, ...], depth: int, seen: set[tuple[int, int]]) -> Found:
    """Yield the numbers, words and arrays in a value; of objects only the attributes that occur in the code."""
    if value is None or isinstance(value, PURE):
        return
    if isinstance(value, SIMPLE):
        yield name, value
    elif isinstance(value, jax.Array):
        if not isinstance(value, Tracer):
            yield name, id(value)  # it can be replaced but not changed
    elif isinstance(value, np.ndarray):
        yield name, (value.shape, value.dtype.str, _checksum(value))
    elif depth:
        visit = (id(value), id(words))
        if visit not in seen:
            seen.add(visit)
            for part, entry in _parts(value, words):
                yield from _values(entry, f"{part} of {name}", words, depth - 1, seen)
            for method in _methods(value, words):
                yield from _outside(method, name, depth - 1, seen)


def _parts(value: Any, words: tuple[str, ...]) -> list[tuple[str, Any]]:
    """Return the payoffs of a game, the entries of a container, or the attributes of an object."""
    if isinstance(value, Game):
        return [(f"payoff {player}", signed(payoff)[1]) for player, payoff in enumerate(value.payoffs)]
    if isinstance(value, Mapping):
        return [(f"entry {key!r}", value[key]) for key in list(value)[:ENTRIES]]
    if isinstance(value, list | tuple):
        return [(f"entry {index}", entry) for index, entry in enumerate(value[:ENTRIES])]
    attributes = {} if isinstance(value, types.FunctionType) else getattr(value, "__dict__", {})
    return [(word, attributes[word]) for word in words if word in attributes]


def _methods(value: Any, words: tuple[str, ...]) -> list[Any]:
    """Return the functions of a value that the code may call: itself, methods and properties."""
    if callable(value):
        return [value]
    members = (getattr(type(value), word, None) for word in words)
    functions = (member.fget if isinstance(member, property) else member for member in members)
    return [types.MethodType(entry, value) for entry in functions if isinstance(entry, types.FunctionType)]


def _checksum(array: np.ndarray) -> int:
    """Return a checksum of an array, or of entries spread over it if it is large."""
    if array.dtype.hasobject:
        return id(array)
    step = max(1, array.nbytes // BYTES)
    return zlib.crc32((array if step == 1 else array.flat[::step]).tobytes())
