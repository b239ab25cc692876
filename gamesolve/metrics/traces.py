"""Summarise a recorded run in one number: longest stay, mode hops, vanished modes, drift of the discriminator."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def longest_stretch(inside: jax.Array) -> jax.Array:
    """Return the length of the longest run of true entries.

    Args:
        inside: booleans, shape (records,).

    Returns:
        The length, a number of records.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> int(gan.longest_stretch(jnp.array([True, False, True, True, False])))
        2
    """
    return jnp.max(jax.lax.scan(_count, jnp.zeros((), int), jnp.asarray(inside))[1], initial=0)


def _count(run: jax.Array, flag: jax.Array) -> tuple[jax.Array, jax.Array]:
    run = jnp.where(flag, run + 1, 0)
    return run, run


def hops(shares: jax.Array) -> jax.Array:
    """Count how often the generator's largest mode changes (mode hopping).

    Args:
        shares: fraction of the samples in each mode, shape (records, k).

    Returns:
        The number of times that the mode with the largest share changes from one record to the next.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> int(gan.hops(jnp.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [1.0, 0.0]])))
        2
    """
    largest = jnp.argmax(shares, axis=1)
    return jnp.sum(largest[1:] != largest[:-1])


def regrowths(heights: jax.Array, low: ArrayLike, high: ArrayLike) -> jax.Array:
    """Count how often each mode vanishes and grows back: its height falls below ``low`` and later exceeds ``high``.

    Args:
        heights: height of each mode per record, for example its share of the samples, shape (records, ...).
        low: a mode whose height is below this has vanished.
        high: a mode that had vanished is back once its height is above this. Choose it above ``low``, so that noise
            around one limit does not count.

    Returns:
        The number of returns per mode, integers of shape (...).

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> shares = jnp.array([[0.5, 0.5], [0.0, 1.0], [0.1, 0.9], [0.4, 0.6], [0.0, 1.0]])
        >>> gan.regrowths(shares, 0.05, 0.2).tolist()  # the second time, the first mode does not come back
        [1, 0]
    """
    heights = jnp.asarray(heights)
    start = jnp.zeros(heights.shape[1:], bool), jnp.zeros(heights.shape[1:], int)
    return jax.lax.scan(partial(_regrown, low, high), start, heights)[0][1]


def _regrown(
    low: ArrayLike, high: ArrayLike, seen: tuple[jax.Array, jax.Array], heights: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], None]:
    gone, count = seen
    back = gone & (heights > high)
    return ((gone & ~back) | (heights < low), count + back), None


def drift(preferences: jax.Array) -> jax.Array:
    """Measure how the discriminator forgets: how much its preferences among the clusters change between records.

    Args:
        preferences: logits of the discriminator at the k centres, minus their mean, shape (records, k).

    Returns:
        The mean over records of the root mean square change, in logits per record. All clusters are equally likely in
        the data, so a discriminator that remembers all of them has preferences that stay near zero.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> float(gan.drift(jnp.array([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]])))
        2.0
    """
    return jnp.mean(jnp.sqrt(jnp.mean(jnp.diff(preferences, axis=0) ** 2, axis=1)))
