"""Pytrees: what the signatures of this package call them, and names for the numbers in them."""

import itertools
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

# Any nesting of arrays: dicts, tuples, modules of flax or equinox.
PyTree: TypeAlias = Any
# One entry per player, and what is shaped as the players: u, moves, the field.
Players: TypeAlias = tuple[PyTree, ...]
Updates: TypeAlias = PyTree
# What an optax transformation keeps from step to step.
State: TypeAlias = PyTree
# What one step draws, and what one record holds.
Batch: TypeAlias = PyTree
Row: TypeAlias = PyTree
# One number, possibly traced; a typed random key; a dtype as numpy takes it.
Scalar: TypeAlias = Any
Key: TypeAlias = jax.Array
DType: TypeAlias = Any


def path_name(path: Any) -> str:
    """Return a leaf's place in its tree as ``a/b/0``; "" for a tree that is a leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def is_key(leaf: Any) -> bool:
    """Whether a leaf is an array of typed random keys, which are no numbers."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers_of(leaf: Any) -> Any:
    """Return a leaf, or the numbers behind it where it is an array of typed random keys."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def columns(tree: Any, leading: int = 1, alone: str = "value") -> dict[str, np.ndarray]:
    """Return one column for each number of a row.

    Args:
        tree: pytree of arrays whose first ``leading`` dimensions number the rows.
        leading: how many dimensions those are.
        alone: what to call a leaf that is the whole tree.

    Returns:
        Columns of numbers by name, ``a/b`` for a leaf of scalars and ``a/b[i,j]`` for the entries of larger ones.
    """
    result = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name, array = path_name(path) or alone, np.asarray(leaf)
        rows, entry = array.shape[:leading], array.shape[leading:]
        for index in itertools.product(*map(range, entry)):
            label = f"{name}[{','.join(map(str, index))}]" if entry else name
            result[label] = array.reshape(-1, *entry)[(slice(None), *index)] if rows else array[index]
    return result
