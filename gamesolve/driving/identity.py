"""Which run a checkpoint belongs to: its game, solver, record and data, each by name and by a hash of its code.

Otherwise two games of the same shapes would continue each other's runs. The hash covers the compiled code of functions
and of the functions that they use, and the numbers in their closures; comments and formatting do not matter. Lists and
other objects that a program may change while it runs are left out. Step sizes and other numbers of a solver may change.

>>> import gamesolve as gs
>>> from gamesolve.driving import identity
>>> identity.hashed(gs.games.rotation(2).payoffs) == identity.hashed(gs.games.curl().payoffs)
False
"""

import dataclasses
import dis
import functools
import hashlib
import types
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from gamesolve.checkpoint.manifest import versions
from gamesolve.distributed import on_host
from gamesolve.driving.plan import Plan
from gamesolve.game import signed
from gamesolve.solver import Solver
from gamesolve.trees import is_key

_LARGEST = 2**26  # entries of an array that is summarised


def identify(plan: Plan) -> dict[str, Any]:
    """Return the parts of a run that a resumed run must share, as JSON can hold them, and the versions in use."""
    payoffs = ", ".join(_name(signed(payoff)[1]) for payoff in plan.game.payoffs)
    arrays = tuple(jax.tree.leaves((plan.game.constants, plan.game.data)))
    return {
        "game": f"{payoffs} {hashed((plan.game.payoffs, arrays))}",
        "solver": f"{plan.solver.factory.__name__} {hashed(plan.solver, numbers=False)}",
        "record": f"{_name(plan.record)} {hashed(plan.record)}",
        "data": f"{_name(plan.sample)} {hashed(plan.sample)}",
        "floats": jnp.result_type(float).name,
        "versions": versions(),
    }


def compare(step: int, written: object, run: Mapping[str, Any]) -> None:
    """Raise if the checkpoint of a step is of another run; warn if other versions wrote it.

    Args:
        step: the step, for the messages.
        written: the result of `identify` in the checkpoint; anything else is from before there was one.
        run: that of this run.

    Raises:
        ValueError: if another game, solver, record, sampler or precision wrote it. With other versions another hash
            alone is a warning, since they may give it to the same code.
    """
    if not isinstance(written, dict):
        return
    wrote, here = written.get("versions"), run["versions"]
    wrote = wrote if isinstance(wrote, dict) else {}
    changed = [f"{name} {wrote[name]} (now {here[name]})" for name in here if wrote.get(name, here[name]) != here[name]]
    other_hashes = []
    for part, word in run.items():
        held = written.get(part)
        if not isinstance(held, str) or held == word:
            continue
        difference = f"{part}={held[:200]!r}, but this run has {part}={word!r}"
        if not changed or _without_hash(held) != _without_hash(word):
            raise ValueError(
                f"the checkpoint of step {step} was written with {difference}. Pass the arguments of the run in that "
                "folder, or use another folder."
            )
        other_hashes.append(difference)
    if changed:
        seen = f"the checkpoint of step {step} was written with {'; '.join([', '.join(changed), *other_hashes])}"
        warnings.warn(f"{seen}. The run continues, but perhaps not with the same bits.", stacklevel=4)


def _without_hash(word: str) -> str:
    return word.rpartition(" ")[0] or word


def hashed(value: Any, numbers: bool = True) -> str:
    """Return a hash of a function, or of a solver or tuple of functions, with the numbers in it or without."""
    digest = hashlib.sha256()
    for piece in _pieces(value, numbers, set()):
        digest.update(piece.encode(errors="replace") + b"\0")
    return digest.hexdigest()[:12]


def _name(value: Any) -> str:
    if isinstance(value, functools.partial):
        return _name(value.func)
    return getattr(value, "__qualname__", type(value).__name__).rpartition(".")[2]


def _pieces(value: Any, numbers: bool, seen: set[int]) -> Iterator[str]:
    """Yield words that tell a value from others; ``seen`` holds the functions that were looked at already."""
    if isinstance(value, (bool, str, bytes, type(None), type)):
        yield getattr(value, "__qualname__", repr(value))
    elif isinstance(value, (int, float, complex, np.generic, np.ndarray, jax.Array)):
        yield _summary(value) if numbers else "number"
    elif isinstance(value, types.FunctionType):
        yield value.__qualname__
        if id(value) in seen:
            return
        seen.add(id(value))
    else:
        yield f"{type(value).__qualname__} {getattr(value, '__qualname__', '')}"
    for part in _parts(value):
        yield from _pieces(part, numbers, seen)


def _parts(value: Any) -> tuple[Any, ...]:
    """Return what a value consists of: entries, fields, or what a function computes with."""
    if isinstance(value, Solver):
        return (value.factory, *value.arguments.items())
    if isinstance(value, tuple):
        return value
    if isinstance(value, functools.partial):
        return (value.func, value.args, *sorted(value.keywords.items()))
    if isinstance(value, types.MethodType):
        return (type(value.__self__), value.__func__)
    if isinstance(value, types.FunctionType):
        return _inside(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        frozen = type(value).__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
        return tuple(getattr(value, field.name, None) for field in dataclasses.fields(value)) if frozen else ()
    if isinstance(value, dict):
        return tuple(entry for entry in value.values() if callable(entry) or hasattr(entry, "shape"))
    call = vars(type(value)).get("__call__")
    wrapped = getattr(value, "__wrapped__", None)  # of functions under jax.jit, for example
    return (*([call] if isinstance(call, types.FunctionType) else []), *([wrapped] if callable(wrapped) else []))


def _inside(function: types.FunctionType) -> tuple[Any, ...]:
    """Return what a function computes with: its code, defaults and closure, and the globals that it uses."""
    closure = (cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType())
    keywords = sorted((function.__kwdefaults__ or {}).items())
    found = (function.__defaults__, *keywords, *closure)
    ours = (function.__module__ or "").partition(".")[0] == "gamesolve"
    if "site-packages" in function.__code__.co_filename and not ours:
        return found  # a package, whose code may change with its version
    found = (_code(function.__code__, function.__doc__), *found)
    if ours:
        return found
    names = sorted(_global_names(function.__code__) & function.__globals__.keys())
    kinds = (types.FunctionType, functools.partial, int, float, str)
    used = ((name, function.__globals__[name]) for name in names)
    return (*found, *((name, value) for name, value in used if isinstance(value, kinds)))


def _code(code: types.CodeType, doc: str | None) -> str:
    constants = [
        _code(entry, None)
        if isinstance(entry, types.CodeType)
        else repr(sorted(map(repr, entry)) if isinstance(entry, frozenset) else entry)
        for entry in code.co_consts
        if doc is None or entry != doc
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _global_names(code: types.CodeType) -> set[str]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_global_names(entry) for entry in code.co_consts if isinstance(entry, types.CodeType)))


def _summary(value: Any) -> str:
    """Return what is known of an array: shape, type, and two sums, rounded as devices differ."""
    if is_key(value):
        value = jax.random.key_data(value)
    if isinstance(value, (int, float, complex)):
        return repr(value)
    shape, dtype = np.shape(value), str(value.dtype)
    if value.size > _LARGEST or value.dtype.kind in "OSUMm" or isinstance(value, jax.core.Tracer):
        return f"{dtype}{shape}"
    numbers = on_host(value).astype(complex if value.dtype.kind == "c" else float).ravel()
    total = float(np.sum(np.abs(numbers)))
    share = float(np.real(numbers @ np.cos(np.arange(numbers.size)))) / (total or 1.0)
    return f"{dtype}{shape} {total:.3g} {round(share, 3) + 0.0}"
