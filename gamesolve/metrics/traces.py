"""What a recorded run says in one number: how long it stayed, how often it hopped, how far it drifted."""

import jax
import jax.numpy as jnp


def longest_stretch(inside: jax.Array) -> jax.Array:
    """Return the length of the longest run of true entries.

    Args:
        inside: booleans, shape (records,).

    Returns:
        A number of records.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> int(gan.longest_stretch(jnp.array([True, False, True, True, False])))
        2
    """
    return jnp.max(jax.lax.scan(_count, jnp.zeros((), int), jnp.asarray(inside))[1], initial=0)


def _count(run: jax.Array, flag: jax.Array) -> tuple[jax.Array, jax.Array]:
    run = (run + 1) * flag
    return run, run


def hops(shares: jax.Array) -> jax.Array:
    """Count how often the generator's largest mode becomes another one: mode hopping.

    Args:
        shares: how the samples are shared among the modes, shape (records, k).

    Returns:
        The number of changes of the largest share from one record to the next.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> int(gan.hops(jnp.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9], [1.0, 0.0]])))
        2
    """
    largest = jnp.argmax(shares, axis=1)
    return jnp.sum(largest[1:] != largest[:-1])


def drift(preferences: jax.Array) -> jax.Array:
    """Measure how the discriminator forgets: how far its preferences among the clusters move between records.

    Args:
        preferences: its logits at the k centres less their mean, shape (records, k).

    Returns:
        The mean over records of the root mean square change, in logits a record. All clusters are equally likely in
        the data, so that a discriminator that remembers them all has preferences near zero that stay there.

    Example:
        >>> import jax.numpy as jnp
        >>> from gamesolve.games import gan
        >>> float(gan.drift(jnp.array([[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0]])))
        2.0
    """
    return jnp.mean(jnp.sqrt(jnp.mean(jnp.diff(preferences, axis=0) ** 2, axis=1)))
