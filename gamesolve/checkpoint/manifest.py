"""The manifest of a checkpoint in any format: its arrays, its step, its run, and the versions that wrote it.

A manifest is JSON. It lists the arrays of a tree in order, each with its path, shape and type, and the kind of a typed
random key. So a checkpoint of another run is recognised before its arrays are read. A file may hold anything, so
`parsed` is the only way in: whatever it returns has the right types.
"""

import functools
import importlib.metadata
import json
import math
import platform
import re
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.checkpoint.choosing import RefusedError
from gamesolve.trees import PyTree, is_key, numbers_of, path_name

_DTYPE = re.compile(r"bool|u?int\d+|b?float\d+\w*|complex\d+")
_MOST = 2**63 - 1


class Entry(NamedTuple):
    """One leaf in a manifest: its place in the tree, its numbers, and the kind of a typed random key."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    key: str | None

    @property
    def size(self) -> int:
        """Number of bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class Manifest(NamedTuple):
    """A manifest that was read."""

    step: int
    leaves: tuple[Entry, ...]
    about: dict[str, Any]


def describe(step: int, tree: PyTree, about: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the manifest of a tree, as JSON can hold it.

    Args:
        step: the step that the arrays belong to.
        tree: pytree of arrays.
        about: notes on the run by name, anything that JSON can hold.

    Raises:
        TypeError: if a leaf is not an array of numbers.
    """
    leaves = [_described(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    return {"step": step, "leaves": leaves, "about": about, "versions": versions()}


def decoded(content: bytes) -> Manifest:
    """Return a manifest from its JSON text.

    Raises:
        RefusedError: if it is not one.
    """
    try:
        return parsed(json.loads(content))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, RefusedError) else _odd("is not JSON") from None


def parsed(content: object) -> Manifest:
    """Return a manifest from anything that JSON can hold.

    Raises:
        RefusedError: if it is not one.
    """
    fields = _of("the manifest", content, dict)
    step, about = _of("step", fields.get("step"), int), fields.get("about")
    if not 0 <= step <= _MOST:
        raise _odd(f"has step {reprlib.repr(step)}")
    leaves = tuple(map(_parsed_leaf, _of("leaves", fields.get("leaves"), list)))
    return Manifest(step, leaves, {} if about is None else _of("about", about, dict))


def check(manifest: Manifest, template: PyTree, expected: Mapping[str, Any]) -> None:
    """Raise unless a checkpoint belongs to this run.

    Args:
        manifest: the manifest of the checkpoint.
        template: pytree of ``jax.ShapeDtypeStruct`` (or arrays) that the checkpoint must match.
        expected: required entries of its ``about``.

    Raises:
        RefusedError: if it does not.
    """
    for name, value in expected.items():
        written = manifest.about.get(name)
        if written != value:
            raise RefusedError(f"was written with {name}={reprlib.repr(written)}, but this run has {name}={value}")
    places = [(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(template)]
    held, here = [entry.path for entry in manifest.leaves], [place for place, _ in places]
    if held != here:
        odd = sorted(set(held) ^ set(here)) or ["the order of the leaves"]
        raise RefusedError(
            f"holds {len(held)} arrays, but this run has {len(places)}, and they differ in {reprlib.repr(odd[0])}"
        )
    for entry, (place, leaf) in zip(manifest.leaves, places, strict=True):
        kept = as_struct(entry)
        if (kept.shape, str(kept.dtype)) != (leaf.shape, str(leaf.dtype)):
            raise RefusedError(
                f"holds {place} as {kept.dtype} of shape {kept.shape}, but this run has {leaf.dtype} of shape "
                f"{leaf.shape}"
            )


def as_struct(entry: Entry) -> jax.ShapeDtypeStruct:
    """Return the shape and type of a leaf in a manifest."""
    numbers = jax.ShapeDtypeStruct(entry.shape, entry.dtype)
    return numbers if entry.key is None else jax.eval_shape(lambda data: as_leaf(data, entry), numbers)


def as_leaf(numbers: jax.Array | np.ndarray, entry: Entry) -> jax.Array | np.ndarray:
    """Return a leaf from its numbers; it may be a typed random key."""
    return numbers if entry.key is None else jax.random.wrap_key_data(jnp.asarray(numbers), impl=entry.key)


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of the packages whose numbers a run has, and of Python."""
    packages = {name: importlib.metadata.version(name) for name in ("gamesolve", "jax", "optax", "numpy")}
    return packages | {"python": platform.python_version()}


def _parsed_leaf(content: object) -> Entry:
    fields = _of("a leaf", content, dict)
    path, name = _of("path", fields.get("path"), str), _of("dtype", fields.get("dtype"), str)
    shape = tuple(_of("shape", number, int) for number in _of("shape", fields.get("shape"), list))
    if not all(0 <= number <= _MOST for number in shape) or len(shape) > 32:
        raise _odd(f"has shape {reprlib.repr(list(shape))}")
    key = fields.get("key")
    entry = Entry(path, shape, _dtype(name), None if key is None else _of("key", key, str))
    try:
        as_struct(entry)
    except (ValueError, TypeError, OverflowError):
        raise _odd(f"has a leaf that is not an array: {reprlib.repr(fields)}") from None
    return entry


def _dtype(name: str) -> np.dtype[Any]:
    # Not every name that numpy knows: some stand for Python objects or for several fields.
    if _DTYPE.fullmatch(name):
        try:
            return jnp.dtype(name)
        except TypeError:
            pass
    raise _odd(f"has dtype {reprlib.repr(name)}")


def _of(name: str, value: Any, kind: type) -> Any:
    """Return a value if it has exactly this type; True is not a number here."""
    if type(value) is not kind:
        raise _odd(f"has a {type(value).__name__} for {name}")
    return value


def _odd(reason: str) -> RefusedError:
    return RefusedError(f"is damaged: its manifest {reason}")


def _described(place: str, leaf: PyTree) -> dict[str, Any]:
    kind, numbers = str(jax.random.key_impl(leaf)) if is_key(leaf) else None, numbers_of(leaf)
    numbers = numbers if hasattr(numbers, "dtype") else np.asarray(numbers)
    if numbers.dtype.kind in "OSUMm":
        where = f" at {place}" if place else ""
        raise TypeError(f"tree must hold arrays of numbers, got a {type(leaf).__name__}{where}. Leave it out.")
    return {"path": place, "shape": numbers.shape, "dtype": numbers.dtype.name, "key": kind}
