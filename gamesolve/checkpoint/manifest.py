"""What a checkpoint says of itself, whatever it is kept in: its arrays, its step, its run, the versions that wrote it.

A manifest can be held by JSON. Its leaves are the arrays of a tree in order, each with its place, shape and type, and
for a typed random key its kind; that is how a checkpoint of another run is told from one's own before it is read.
"""

import functools
import importlib.metadata
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.trees import is_key, numbers_of, path_name


class Checkpoint(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        step: the step that it was written after.
        tree: the arrays, in the structure of the template.
        about: what the writer said about the run.
    """

    step: int
    tree: Any
    about: dict[str, Any]


class RefusedError(ValueError):
    """A checkpoint that can't be used, and why, in a few words."""


def describe(step: int, tree: Any, about: Any) -> dict[str, Any]:
    """Return the manifest of a tree.

    Args:
        step: the step that the arrays belong to.
        tree: pytree of arrays.
        about: what else to write down, anything that JSON can hold.

    Raises:
        TypeError: if a leaf is no array of numbers.
    """
    leaves = [_described(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    return {"step": step, "leaves": leaves, "about": about, "versions": _versions()}


def check(manifest: Mapping[str, Any], template: Any, expected: Mapping[str, Any]) -> None:
    """Raise unless a checkpoint belongs to this run.

    Args:
        manifest: its manifest.
        template: pytree of ``jax.ShapeDtypeStruct`` (or arrays), what it must hold.
        expected: what its ``about`` must say, by name.

    Raises:
        RefusedError: if it does not.
    """
    about = manifest["about"] or {}
    for name, value in expected.items():
        if about.get(name) != value:
            raise RefusedError(f"it was written with {name} = {about.get(name)} and this run has {name} = {value}")
    places = [(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(template)]
    held, here = [entry["path"] for entry in manifest["leaves"]], [place for place, _ in places]
    if held != here:
        odd = sorted(set(held) ^ set(here)) or ["the order of the leaves"]
        raise RefusedError(
            f"it holds {len(held)} arrays where this run has {len(places)}, and they differ in {odd[0]!r}"
        )
    for entry, (place, leaf) in zip(manifest["leaves"], places, strict=True):
        kept = as_struct(entry)
        if (kept.shape, str(kept.dtype)) != (leaf.shape, str(leaf.dtype)):
            raise RefusedError(
                f"{place} is {kept.dtype} of shape {kept.shape} in it and {leaf.dtype} of shape {leaf.shape} here"
            )


def as_struct(entry: Mapping[str, Any]) -> jax.ShapeDtypeStruct:
    """Return the shape and type of a leaf of a manifest."""
    numbers = jax.ShapeDtypeStruct(tuple(entry["shape"]), jnp.dtype(entry["dtype"]))
    return numbers if entry["key"] is None else jax.eval_shape(lambda data: as_leaf(data, entry), numbers)


def as_leaf(numbers: Any, entry: Mapping[str, Any]) -> Any:
    """Return the numbers of a leaf as the leaf itself, which may be a typed random key."""
    return numbers if entry["key"] is None else jax.random.wrap_key_data(jnp.asarray(numbers), impl=entry["key"])


def newest(candidates: Iterable[tuple[str, Callable[[], Checkpoint]]], where: Any) -> Checkpoint | None:
    """Return the first checkpoint that can be used; warn in one sentence of each one before it.

    Args:
        candidates: the name of each, newest first, and what reads it or raises `RefusedError` or `OSError`.
        where: they are.

    Raises:
        ValueError: if there are some, but none can be used.
    """
    reasons = []
    for name, read in candidates:
        try:
            checkpoint = read()
        except (RefusedError, OSError) as error:
            reasons.append(f"{name} was not used, {error}")
            continue
        for reason in reasons:
            warnings.warn(f"{reason}; {name} is used instead.", stacklevel=3)
        return checkpoint
    if reasons:
        others = ", nor was an older one" if reasons[1:] else ""
        raise ValueError(f"{reasons[0]}{others}; go on with the arguments of the run in {where}, or in another folder.")
    return None


def _described(place: str, leaf: Any) -> dict[str, Any]:
    kind, numbers = str(jax.random.key_impl(leaf)) if is_key(leaf) else None, numbers_of(leaf)
    numbers = numbers if hasattr(numbers, "dtype") else np.asarray(numbers)
    if numbers.dtype.kind in "OSUMm":
        raise TypeError(f"{place or 'the tree'} is a {type(leaf).__name__}, no array of numbers; leave it out.")
    return {"path": place, "shape": numbers.shape, "dtype": numbers.dtype.name, "key": kind}


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("gamesolve", "jax", "optax", "numpy")}
