"""How results show themselves: a line in terminals and a table in notebooks, with shapes in place of large arrays.

>>> import jax.numpy as jnp
>>> from gamesolve.trees.faces import face
>>> face({"w": jnp.ones((20, 3)), "b": jnp.float32(0.5)})
"{'w': float32[20, 3], 'b': 0.5}"
>>> face([jnp.ones(9)] * 99)
'list(99 arrays, 891 numbers)'
"""

import collections
import dataclasses
import enum
import functools
import html
import reprlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import jax.core
import numpy as np
import optax

from gamesolve.trees import PyTree, is_key

Class = TypeVar("Class", bound=type)
Face = Callable[[Any], str]

# Trees with more leaves are counted, and arrays with more numbers are shown by their shapes.
MOST_LEAVES, MOST_NUMBERS = 6, 4
# A large container is written out nevertheless if it has at most so many entries.
MOST_ENTRIES = 4
_ARRAYS = (jax.Array, np.ndarray, np.generic)


def shown(*properties: str, **faces: Face) -> Callable[[Class], Class]:
    """Return a decorator that gives a NamedTuple or dataclass a short repr, and a table for notebooks.

    Args:
        *properties: names of properties to show before the fields, if they can be computed.
        **faces: functions that show single fields. Default: `face`. Fields at their defaults are left out.
    """

    def decorate(cls: Class) -> Class:
        def parts(self: Any) -> dict[str, str]:
            found = {name: _property(self, name) for name in properties}
            defaults = _defaults(cls)
            for name in defaults:
                value = getattr(self, name)
                found[name] = None if value is defaults[name] else faces.get(name, face)(value)
            return {name: text for name, text in found.items() if text is not None}

        def line(self: Any) -> str:
            return f"{cls.__name__}({', '.join(f'{name}={text}' for name, text in parts(self).items())})"

        # Film has an HTML of its own: the animation.
        page = vars(cls).get("_repr_html_", lambda self: table(cls.__name__, parts(self)))
        for name, method in {"__repr__": line, "_repr_html_": page}.items():
            setattr(cls, name, method)
        return cls

    return decorate


def table(title: str, rows: Mapping[str, str]) -> str:
    """Return a table in HTML with a row per name."""
    entry = '<tr><th style="text-align:left">{}</th><td style="text-align:left"><code>{}</code></td></tr>'
    body = "".join(entry.format(html.escape(name), html.escape(text)) for name, text in rows.items())
    return f"<table><caption><b>{html.escape(title)}</b></caption>{body}</table>"


def face(tree: PyTree) -> str:
    """Return a pytree in a few words: numbers, names and shapes, or counts if it is large."""
    return _face(tree, MOST_ENTRIES)


def named(kind: type[enum.IntEnum]) -> Face:
    """Return a function that shows integers as the names of an enumeration, or counts these if there are many."""

    def show(value: Any) -> str:
        if isinstance(value, _ARRAYS) and not _is_readable(value):
            return face(value)
        try:
            names = [kind(number).name for number in np.ravel(np.asarray(value)).tolist()]
        except ValueError:  # JAX also builds pytrees around other things than their numbers
            return face(value)
        counts = collections.Counter(names)
        return names[0] if len(names) == 1 else ", ".join(f"{count} {name}" for name, count in counts.items())

    return show


def name_of(function: Any) -> str:
    """Return the name of a function, or that of optax's function that made it, or the class of a callable object."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", type(function).__qualname__)
    outer, made, inner = name.rpartition(".<locals>.")
    return outer if made and (function.__module__ or "").startswith("optax") else inner


def _face(node: PyTree, most: int) -> str:
    """Show a node. A large container is written out if it has at most ``most`` entries, which are then counted."""
    if isinstance(node, _ARRAYS):
        return _array(node)
    if isinstance(node, enum.Enum):
        return node.name
    if type(node) in (optax.GradientTransformation, optax.GradientTransformationExtraArgs):
        return f"{name_of(node.update)}(...)"
    if hasattr(node, "_repr_html_") or isinstance(node, optax.GradientTransformation):
        return repr(node)  # short already
    if isinstance(node, functools.partial) or (callable(node) and hasattr(node, "__name__")):
        return name_of(node)
    entries = _entries(node)
    if entries is not None and (len(entries) <= most or len(jax.tree.leaves(node)) <= MOST_LEAVES):
        opening, closing = _brackets(node)
        return opening + ", ".join(f"{name}{_face(entry, 0)}" for name, entry in entries) + closing
    if node is None or (entries is None and jax.tree_util.all_leaves([node])):
        return reprlib.repr(node)
    leaves = [leaf for leaf in jax.tree.leaves(node) if isinstance(leaf, (*_ARRAYS, int, float, complex))]
    return f"{type(node).__name__}({len(leaves)} arrays, {sum(map(np.size, leaves)):,} numbers)"


def _entries(node: PyTree) -> list[tuple[str, PyTree]] | None:
    """Return the entries of a container with what stands before each, or None for everything else."""
    if isinstance(node, dict):
        return [(f"{name!r}: ", entry) for name, entry in node.items()]
    if isinstance(node, tuple) and hasattr(node, "_fields"):
        return [(f"{name}=", entry) for name, entry in zip(_defaults(type(node)), node, strict=True)]
    return [("", entry) for entry in node] if isinstance(node, (tuple, list)) else None


def _brackets(node: PyTree) -> tuple[str, str]:
    if isinstance(node, dict):
        return "{", "}"
    if isinstance(node, list):
        return "[", "]"
    name = type(node).__name__ if hasattr(node, "_fields") else ""
    return f"{name}(", ",)" if not name and len(node) == 1 else ")"


def _array(leaf: Any) -> str:
    """Show the numbers of a small array that can be read, and else its dtype and shape."""
    if is_key(leaf) or leaf.size > MOST_NUMBERS or np.ndim(leaf) > 1 or not _is_readable(leaf):
        gone = " deleted" if isinstance(leaf, jax.Array) and not _is_traced(leaf) and leaf.is_deleted() else ""
        return f"{leaf.dtype}{list(leaf.shape)}{gone}"
    rounded = lambda number: f"{number:.4g}" if isinstance(number, (float, complex)) else str(number)
    numbers = list(map(rounded, np.ravel(leaf).tolist()))
    return numbers[0] if leaf.shape == () else f"[{', '.join(numbers)}]"


def _is_readable(leaf: Any) -> bool:
    """Return whether the numbers of an array are on this host: not traced, donated or on other hosts."""
    if not isinstance(leaf, jax.Array):
        return True
    return not _is_traced(leaf) and not leaf.is_deleted() and leaf.is_fully_addressable


def _is_traced(leaf: Any) -> bool:
    return isinstance(leaf, jax.core.Tracer)


def _defaults(cls: type) -> dict[str, Any]:
    """Return the fields of a class, each with its default, or with a value that no field has."""
    if dataclasses.is_dataclass(cls):
        return {field.name: field.default for field in dataclasses.fields(cls)}
    fields: Any = cls
    return {name: fields._field_defaults.get(name, dataclasses.MISSING) for name in fields._fields}


def _property(value: Any, name: str) -> str | None:
    """Return a property in words, or None if it has no value, as under ``jit`` or for several results in one."""
    try:
        return face(getattr(value, name))
    except (AttributeError, TypeError, ValueError):
        return None
