"""Pytrees: their names in the signatures of this package, and names for the numbers in them."""

import itertools
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


def at_least_float32(dtype: DType) -> DType:
    """Return a dtype, or float32 if it is an integer or a narrower float, for which LAPACK has no routines."""
    wide = jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 32
    return dtype if wide else jnp.dtype(jnp.float32)


def path_name(path: jax.tree_util.KeyPath) -> str:
    """Return a leaf's path in its tree as ``a/b/0``, or "" if the tree is a single leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def is_key(leaf: PyTree) -> bool:
    """Return whether a leaf is an array of typed random keys, which are not numbers."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers_of(leaf: PyTree) -> PyTree:
    """Return a leaf, or its key data if it is an array of typed random keys."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def columns(tree: PyTree, leading: int = 1, alone: str = "value") -> dict[str, np.ndarray]:
    """Return one column for each number of a row.

    Args:
        tree: pytree of arrays whose first ``leading`` dimensions enumerate the rows.
        leading: number of those dimensions. Default: 1.
        alone: name of the column if the tree is a single leaf. Default: "value".

    Returns:
        Columns by name: ``a/b`` for a leaf with one number per row, ``a/b[i,j]`` for the entries of larger leaves.
    """
    result = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name, array = path_name(path) or alone, np.asarray(leaf)
        rows, entry = array.shape[:leading], array.shape[leading:]
        for index in itertools.product(*map(range, entry)):
            label = f"{name}[{','.join(map(str, index))}]" if entry else name
            result[label] = array.reshape(-1, *entry)[(slice(None), *index)] if rows else array[index]
    return result
