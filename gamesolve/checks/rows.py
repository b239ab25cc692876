"""Validate the numbers of the examples in a batch."""

from typing import Any

import jax.numpy as jnp

from gamesolve.checks import known


def check_rows(rows: Any, count: int | None = None) -> None:
    """Raise an error unless ``index`` returned a vector of integers, below ``count`` as far as they are known."""
    dtype = getattr(rows, "dtype", None)
    if dtype is None or jnp.ndim(rows) != 1 or not jnp.issubdtype(dtype, jnp.integer):
        seen = type(rows).__name__ if dtype is None else f"shape {jnp.shape(rows)} of {dtype}"
        raise TypeError(
            f"index must return a vector of integers, the numbers of the examples in the batch, got {seen}. Turn a "
            "mask into numbers before the step, with numpy.flatnonzero."
        )
    numbers = known(rows)
    if count is not None and numbers is not None and numbers.size and not 0 <= numbers.min() <= numbers.max() < count:
        raise ValueError(
            f"index must return numbers from 0 to {count - 1}, one per row of the multipliers, got "
            f"{numbers.min()} to {numbers.max()}."
        )
