"""Summarise a recorded run in one number: longest stay, number of mode hops, drift of the discriminator."""

import jax
import jax.numpy as jnp


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
