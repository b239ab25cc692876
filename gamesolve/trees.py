"""Pytrees: their names in the signatures of this package, and names for the numbers in them."""

import itertools
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

# Any nesting of arrays: dicts, tuples, modules of flax or equinox.
PyTree: TypeAlias = Any
# One entry per player; also u, moves and the field, which have the players' shape.
Players: TypeAlias = tuple[PyTree, ...]
Updates: TypeAlias = PyTree
# The state of an optax transformation.
State: TypeAlias = PyTree
# The data of one step, and one record.
Batch: TypeAlias = PyTree
Row: TypeAlias = PyTree
# One number, possibly traced; a typed random key; a dtype as numpy takes it.
Scalar: TypeAlias = Any
Key: TypeAlias = jax.Array
DType: TypeAlias = Any


def path_name(path: jax.tree_util.KeyPath) -> str:
    """Return a leaf's path in its tree as ``a/b/0``, or "" if the tree is a single leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def is_key(leaf: PyTree) -> bool:
    """Return whether a leaf is an array of typed random keys, which are not numbers."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers_of(leaf: PyTree) -> PyTree:
    """Return a leaf, or its key data if it is an array of typed random keys."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def same_leaves(tree: PyTree, other: PyTree) -> bool:
    """Return whether two pytrees hold the same objects, leaf by leaf."""
    leaves, others = jax.tree.leaves(tree), jax.tree.leaves(other)
    return len(leaves) == len(others) and all(a is b for a, b in zip(leaves, others, strict=True))


class Marks:
    """Marks on the leaves of pytrees, by identity, for as long as one step is traced.

    optax's ``chain`` hands nothing but updates from one transformation to the next. One object that all of them receive
    as an extra argument tells a part who made the updates that it gets.
    """

    def __init__(self) -> None:
        """Begin without marks."""
        self._marked: dict[int, tuple[Callable[[], PyTree], Any]] = {}

    def put(self, tree: PyTree, mark: Any) -> None:
        """Mark every leaf of a pytree."""
        self._marked |= {id(leaf): (_reference(leaf), mark) for leaf in jax.tree.leaves(tree)}

    def get(self, tree: PyTree) -> Any:
        """Return the mark that all leaves of a pytree carry, or None."""
        found = set(map(self._mark_of, jax.tree.leaves(tree)))
        return found.pop() if len(found) == 1 else None

    def _mark_of(self, leaf: PyTree) -> Any:
        reference, mark = self._marked.get(id(leaf), (None, None))
        return mark if reference is not None and reference() is leaf else None


def _reference(leaf: PyTree) -> Callable[[], PyTree]:
    """Return a reference that does not keep an array alive: a branch of a compiled step must not leak its tracers."""
    return (lambda: leaf) if isinstance(leaf, (float, int, np.generic)) else weakref.ref(leaf)


def columns(tree: PyTree, leading: int = 1, alone: str = "value") -> dict[str, np.ndarray]:
    """Return one column for each number of a row.

    Args:
        tree: pytree of arrays whose first ``leading`` dimensions enumerate the rows.
        leading: number of those dimensions. Default: 1.
        alone: name of the column if the tree is a single leaf. Default: "value".

    Returns:
        Columns by name: ``a/b`` for a leaf with one number per row, ``a/b[i,j]`` for the entries of larger leaves.

    Raises:
        ValueError: if two columns have the same name.
    """
    result = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name, array = path_name(path) or alone, np.asarray(leaf)
        rows, entry = array.shape[:leading], array.shape[leading:]
        for index in itertools.product(*map(range, entry)):
            label = f"{name}[{','.join(map(str, index))}]" if entry else name
            if label in result:
                raise ValueError(f"the names of columns must differ, got {label!r} twice. Rename one of the entries.")
            result[label] = array.reshape(-1, *entry)[(slice(None), *index)] if rows else array[index]
    return result
