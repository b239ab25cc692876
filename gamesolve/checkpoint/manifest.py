"""The manifest of a checkpoint in any format: its arrays, its step, its run, and the versions that wrote it.

A manifest is JSON. It lists the arrays of a tree in order, each with its path, shape and type, and the kind of a typed
random key. So a checkpoint of another run is recognised before its arrays are read.
"""

import functools
import importlib.metadata
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.trees import PyTree, is_key, numbers_of, path_name

# A manifest, or the entry of one leaf in it, as JSON reads it.
Manifest: TypeAlias = Mapping[str, Any]


class Checkpoint(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        step: the step after which it was written.
        tree: the arrays, in the structure of the template.
        about: the writer's notes on the run.
    """

    step: int
    tree: PyTree
    about: dict[str, Any]


class RefusedError(ValueError):
    """An unusable checkpoint; the message says why, and its subject is the checkpoint."""


def describe(step: int, tree: PyTree, about: Mapping[str, Any] | None) -> Manifest:
    """Return the manifest of a tree.

    Args:
        step: the step that the arrays belong to.
        tree: pytree of arrays.
        about: notes on the run by name, anything that JSON can hold.

    Raises:
        TypeError: if a leaf is not an array of numbers.
    """
    leaves = [_described(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(tree)]
    return {"step": step, "leaves": leaves, "about": about, "versions": _versions()}


def check(manifest: Manifest, template: PyTree, expected: Mapping[str, Any]) -> None:
    """Raise unless a checkpoint belongs to this run.

    Args:
        manifest: the manifest of the checkpoint.
        template: pytree of ``jax.ShapeDtypeStruct`` (or arrays) that the checkpoint must match.
        expected: required entries of its ``about``.

    Raises:
        RefusedError: if it does not.
    """
    about = manifest["about"] or {}
    for name, value in expected.items():
        if about.get(name) != value:
            raise RefusedError(f"was written with {name}={about.get(name)}, but this run has {name}={value}")
    places = [(path_name(place), leaf) for place, leaf in jax.tree_util.tree_leaves_with_path(template)]
    held, here = [entry["path"] for entry in manifest["leaves"]], [place for place, _ in places]
    if held != here:
        odd = sorted(set(held) ^ set(here)) or ["the order of the leaves"]
        raise RefusedError(f"holds {len(held)} arrays, but this run has {len(places)}, and they differ in {odd[0]!r}")
    for entry, (place, leaf) in zip(manifest["leaves"], places, strict=True):
        kept = as_struct(entry)
        if (kept.shape, str(kept.dtype)) != (leaf.shape, str(leaf.dtype)):
            raise RefusedError(
                f"holds {place} as {kept.dtype} of shape {kept.shape}, but this run has {leaf.dtype} of shape "
                f"{leaf.shape}"
            )


def as_struct(entry: Manifest) -> jax.ShapeDtypeStruct:
    """Return the shape and type of a leaf in a manifest."""
    numbers = jax.ShapeDtypeStruct(tuple(entry["shape"]), jnp.dtype(entry["dtype"]))
    return numbers if entry["key"] is None else jax.eval_shape(lambda data: as_leaf(data, entry), numbers)


def as_leaf(numbers: jax.Array | np.ndarray, entry: Manifest) -> jax.Array | np.ndarray:
    """Return a leaf from its numbers; it may be a typed random key."""
    return numbers if entry["key"] is None else jax.random.wrap_key_data(jnp.asarray(numbers), impl=entry["key"])


def newest(candidates: Iterable[tuple[str, Callable[[], Checkpoint]]], folder: str | Path) -> Checkpoint | None:
    """Return the first usable checkpoint; warn about each one before it.

    Args:
        candidates: the name of each checkpoint, newest first, and a function that reads it or raises `RefusedError` or
            `OSError`.
        folder: where they are, for the error.

    Raises:
        ValueError: if there are some, but none is usable.
    """
    reasons: list[str] = []
    for name, read in candidates:
        try:
            checkpoint = read()
        except RefusedError as error:
            reasons.append(f"{name} {error}")
            continue
        except OSError as error:
            reasons.append(f"{name} could not be read ({error})")
            continue
        for reason in reasons:
            warnings.warn(f"{reason}. {name} is used instead.", stacklevel=3)
        return checkpoint
    if reasons:
        others = "; older ones are unusable too" if reasons[1:] else ""
        raise ValueError(
            f"No usable checkpoint in {folder}: {reasons[0]}{others}. Pass the arguments of the run in that folder, or "
            "use another folder."
        )
    return None


def _described(place: str, leaf: PyTree) -> dict[str, Any]:
    kind, numbers = str(jax.random.key_impl(leaf)) if is_key(leaf) else None, numbers_of(leaf)
    numbers = numbers if hasattr(numbers, "dtype") else np.asarray(numbers)
    if numbers.dtype.kind in "OSUMm":
        where = f" at {place}" if place else ""
        raise TypeError(f"tree must hold arrays of numbers, got a {type(leaf).__name__}{where}. Leave it out.")
    return {"path": place, "shape": numbers.shape, "dtype": numbers.dtype.name, "key": kind}


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("gamesolve", "jax", "optax", "numpy")}
