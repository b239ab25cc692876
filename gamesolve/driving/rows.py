"""The rows of a trace: blank ones, those written in compiled loops, and the gap that an early end leaves.

The gap is NaN in a finished trace. Compiled loops leave it blank: JAX's search for NaN (``jax_debug_nans``) reports all
that a program returns, also the part that nobody reads.
"""

import jax
import jax.numpy as jnp
import numpy as np

from gamesolve.distributed import on_host
from gamesolve.trees import DType, Row, Scalar, numbers_of


def blank(shapes: Row, number: int) -> Row:
    """Return the rows of a run that has recorded nothing yet: zeros."""
    return jax.tree.map(lambda leaf: jax.lax.full((number, *leaf.shape), 0, leaf.dtype), shapes)


def written(rows: Row, row: jax.Array, new: Row, whole: jax.Array) -> Row:
    """Return rows with a new one, if the run has reached the end of that one."""
    return jax.tree.map(
        lambda rows, entry: rows.at[jnp.where(whole, row, len(rows))].set(entry, mode="drop"), rows, new
    )


def filled(rows: Row, number: Scalar) -> Row:
    """Return rows with the gap after the first ``number`` of them, in compiled code."""

    def fill(leaf: jax.Array) -> jax.Array:
        recorded = jnp.arange(len(leaf)) < number
        gap = jax.lax.full(leaf.shape, _gap(leaf.dtype), leaf.dtype)
        return jnp.where(jnp.expand_dims(recorded, range(1, leaf.ndim)), leaf, gap)

    return jax.tree.map(fill, rows)


def none_on_host(shapes: Row) -> Row:
    """Return no rows, as arrays on the host."""
    return to_host(jax.tree.map(lambda leaf: jax.lax.full((0, *leaf.shape), 0, leaf.dtype), shapes), 0)


def to_host(rows: Row, number: int) -> Row:
    """Return the first ``number`` rows as arrays on the host; typed random keys become their key data."""
    return jax.tree.map(lambda leaf: on_host(numbers_of(leaf))[:number], rows)


def from_host(rows: Row, number: int, shapes: Row) -> Row:
    """Return rows on the host as a trace of ``number`` rows, with the gap after them."""

    def trace(leaf: np.ndarray, like: jax.ShapeDtypeStruct) -> jax.Array:
        key = _sample_key(like.dtype)
        gap = np.full((number - len(leaf), *leaf.shape[1:]), _gap(leaf.dtype) if key is None else 0, leaf.dtype)
        whole = jnp.asarray(np.concatenate([leaf, gap]))
        return whole if key is None else jax.random.wrap_key_data(whole, impl=jax.random.key_impl(key))

    return jax.tree.map(trace, rows, shapes)


def _gap(dtype: DType) -> float | int:
    """Return the number that stands for nothing: NaN, the smallest integer or False; a key of zeros."""
    if jnp.issubdtype(dtype, jnp.inexact):
        return float("nan")
    return int(jnp.iinfo(dtype).min) if jnp.issubdtype(dtype, jnp.integer) else 0


def _sample_key(dtype: DType) -> jax.Array | None:
    return jax.lax.full((), 0, dtype) if jnp.issubdtype(dtype, jax.dtypes.prng_key) else None
