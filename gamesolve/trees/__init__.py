"""Pytrees: their names in the signatures of this package, and names for the numbers in them."""

import functools
import itertools
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
import optax

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

# Leaves up to which copies of a sum over them do not matter.
FEW = 8


def at_least_float32(dtype: DType) -> DType:
    """Return a dtype, or float32 if it is an integer or a narrower float, for which LAPACK has no routines."""
    wide = jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 32
    return dtype if wide else jnp.dtype(jnp.float32)


def widest(tree: PyTree) -> DType:
    """Return the dtype that JAX gives to a sum over all leaves of a tree."""
    return jnp.result_type(*map(jnp.result_type, jax.tree.leaves(tree) or [float]))


def coarsest(tree: PyTree) -> DType:
    """Return the dtype of a tree with the largest rounding errors, which limit what its numbers can be exact to.

    A tree whose leaves are all masked has none: then the default one.
    """
    dtypes = map(jnp.result_type, jax.tree.leaves(tree))
    return max(dtypes, key=lambda dtype: float(jnp.finfo(dtype).eps), default=jnp.result_type(float))


def path_name(path: jax.tree_util.KeyPath) -> str:
    """Return a leaf's path in its tree as ``a/b/0``, or "" if the tree is a single leaf."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


def is_key(leaf: PyTree) -> bool:
    """Return whether a leaf is an array of typed random keys, which are not numbers."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def numbers_of(leaf: PyTree) -> PyTree:
    """Return a leaf, or its key data if it is an array of typed random keys."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf


def traced(tree: PyTree) -> bool:
    """Return whether any leaf is traced."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def strong(tree: PyTree) -> PyTree:
    """Return a pytree of arrays without weak types, as those read from a checkpoint are; steps keep their types."""
    arrays = jax.tree.map(jnp.asarray, tree)
    return jax.tree.map(
        lambda leaf: jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf, arrays
    )


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


def widened(tree: PyTree) -> PyTree:
    """Return a tree in float32 or wider, the precision in which squares are summed."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, at_least_float32(jnp.result_type(leaf))), tree)


def computed_once(value: jax.Array, tree: PyTree) -> jax.Array:
    """Return a sum or a maximum over the leaves of a tree, such that XLA computes it in one kernel.

    It copies a chain of cheap operations, here one per leaf, into every kernel that uses the result. Such kernels are
    as many as leaves, and the time to compile would grow with their square. A quotient is not copied.
    """
    if len(jax.tree.leaves(tree)) <= FEW:
        return value
    return value / jnp.where(jnp.isnan(value), 2, 1).astype(value.dtype)


def magnitude(tree: PyTree) -> jax.Array:
    """Return a power of four near the largest modulus in a tree, in float32 or wider; multiplying by it is exact.

    The number and its reciprocal are normal. Zeros and NaN have the magnitude one.
    """
    leaves = jax.tree.leaves(widened(jax.lax.stop_gradient(tree)))
    moduli = [jnp.max(jnp.abs(leaf)) for leaf in leaves if leaf.size]
    largest = functools.reduce(jnp.maximum, moduli) if moduli else jnp.zeros((), jnp.float32)
    info = jnp.finfo(largest.dtype)
    # A square root is not copied either, see `computed_once`.
    root = jnp.sqrt(largest)
    bounded = jnp.clip(root, 2.0 ** (info.minexp // 2), 2.0 ** (-info.minexp // 2))
    return jnp.square(jax.lax.reduce_precision(jnp.where(root > 0, bounded, 1), info.nexp, 0))


def normalised(tree: PyTree) -> tuple[jax.Array, PyTree]:
    """Return the `magnitude` of a tree, and the tree divided by it, in float32 or wider."""
    scale = magnitude(tree)
    return scale, optax.tree.scale(1 / scale, widened(tree))


def dot(a: PyTree, b: PyTree) -> jax.Array:
    """Return the inner product of two trees, summed in float32 or wider."""
    return computed_once(jnp.asarray(optax.tree.vdot(widened(a), widened(b))), a)


def norm(tree: PyTree) -> jax.Array:
    """Return the Euclidean norm of a tree, in float32 or wider; its derivative at zero is zero.

    No square underflows or overflows on the way: it is zero only for zeros, and finite for finite entries unless it
    exceeds the largest number itself.
    """
    scale, unit = normalised(tree)
    square = jnp.real(dot(unit, unit))
    zero = square == 0
    return scale * jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, square)))


def norm_ratio(tree: PyTree, other: PyTree) -> jax.Array:
    """Return the norm of a tree divided by that of another one, or zero if either is zero.

    As a product of two quotients, of magnitudes and of numbers near one: the derivative of a quotient squares its
    divisor, which might underflow.
    """
    sizes, units = zip(normalised(tree), normalised(other), strict=True)
    length, divisor = map(norm, units)
    known = (length > 0) & (divisor > 0)
    return jnp.where(known, sizes[0] / sizes[1] * length / jnp.where(known, divisor, 1), 0)


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
