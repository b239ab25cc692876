"""Mixtures whose modes are known: how many are found, how well, how evenly."""

from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.metrics._pairs import squared_distances, two_sets


def modes_covered(samples: Any, centres: Any, radius: Any, least: int = 1) -> jax.Array:
    """Count the modes near which there are samples.

    A mode is covered when at least ``least`` of the samples to which it is the nearest lie within ``radius`` of it.

    Args:
        samples: shape (n, d).
        centres: of the modes, shape (k, d).
        radius: in units of the samples; three standard deviations of a mode is usual.
        least: number of samples that make a mode count.

    Returns:
        The number of modes covered, an integer array from 0 to k.

    Example:
        >>> from gamesolve import metrics
        >>> int(metrics.modes_covered([[0.1], [0.0], [7.0]], [[0.0], [5.0], [9.0]], radius=1.0))
        1

    Reference:
        Srivastava et al., "VEEGAN", NeurIPS 2017, https://arxiv.org/abs/1705.07761
    """
    return jnp.sum(_counts(samples, centres, radius) >= least)


def good_share(samples: Any, centres: Any, radius: Any) -> jax.Array:
    """Return the share of the samples that lie within ``radius`` of some mode.

    Args:
        samples: shape (n, d).
        centres: of the modes, shape (k, d).
        radius: in units of the samples.

    Returns:
        A number from 0 to 1.

    Example:
        >>> from gamesolve import metrics
        >>> float(metrics.good_share([[0.1], [5.0], [7.0], [2.0]], [[0.0], [5.0]], radius=1.0))
        0.5

    Reference:
        Srivastava et al., "VEEGAN", NeurIPS 2017, https://arxiv.org/abs/1705.07761
    """
    return jnp.sum(_counts(samples, centres, radius)) / len(jnp.asarray(samples))


def reverse_kl(samples: Any, centres: Any, radius: Any) -> jax.Array:
    """Return ``KL(q || uniform)`` of the histogram q of the good samples over their nearest modes.

    ``sum_k q_k log(K q_k)``: zero when all modes get their share, log K when one mode gets all.

    Args:
        samples: shape (n, d).
        centres: of the modes, shape (K, d).
        radius: samples farther than this from every mode don't enter; ``jnp.inf`` takes all.

    Returns:
        A number in nats; infinity when no sample is within the radius.

    Example:
        >>> from gamesolve import metrics
        >>> round(float(metrics.reverse_kl([[0.1], [0.0]], [[0.0], [5.0]], radius=1.0)), 4)
        0.6931

    Reference:
        Lin et al., "PacGAN", NeurIPS 2018, https://arxiv.org/abs/1712.04086
    """
    return _divergence(_counts(samples, centres, radius))


@jax.jit
def _divergence(counts: jax.Array) -> jax.Array:
    """Return that of a histogram."""
    total = jnp.sum(counts)
    shares = counts / jnp.maximum(total, 1)
    divergence = jnp.sum(jax.scipy.special.rel_entr(shares, jnp.full_like(shares, 1 / len(shares))))
    return jnp.where(total > 0, divergence, jnp.inf)


def _counts(samples: Any, centres: Any, radius: Any) -> jax.Array:
    """Return how many samples within the radius each centre is the nearest to."""
    return _histogram(*two_sets(("samples", samples), ("centres", centres)), radius)


@jax.jit
def _histogram(samples: jax.Array, centres: jax.Array, radius: Any) -> jax.Array:
    distances = squared_distances(samples, centres)
    near = jnp.min(distances, axis=1) <= jnp.asarray(radius) ** 2
    return jnp.zeros(len(centres), samples.dtype).at[jnp.argmin(distances, axis=1)].add(near)
