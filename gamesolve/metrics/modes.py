"""Measures for mixtures with known modes: coverage, sample quality and balance of the modes."""

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.metrics._pairs import squared_distances, two_sets


def modes_covered(samples: ArrayLike, centres: ArrayLike, radius: ArrayLike, least: int = 1) -> jax.Array:
    """Count the modes that are covered by samples.

    A mode is covered if at least ``least`` samples lie within ``radius`` of it and have no closer mode.

    Args:
        samples: samples of shape (n, d).
        centres: centres of the modes, shape (k, d).
        radius: radius in units of the samples; three standard deviations of a mode is usual.
        least: smallest number of samples that cover a mode.

    Returns:
        The number of covered modes, an integer array from 0 to k.

    Example:
        >>> from gamesolve import metrics
        >>> int(metrics.modes_covered([[0.1], [0.0], [7.0]], [[0.0], [5.0], [9.0]], radius=1.0))
        1

    Reference:
        Srivastava et al., "VEEGAN", NeurIPS 2017, https://arxiv.org/abs/1705.07761
    """
    return jnp.sum(_counts(samples, centres, radius) >= least)


def good_share(samples: ArrayLike, centres: ArrayLike, radius: ArrayLike) -> jax.Array:
    """Return the fraction of the samples that lie within ``radius`` of some mode.

    Args:
        samples: samples of shape (n, d).
        centres: centres of the modes, shape (k, d).
        radius: radius in units of the samples.

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


def reverse_kl(samples: ArrayLike, centres: ArrayLike, radius: ArrayLike) -> jax.Array:
    """Return ``KL(q || uniform)`` for the histogram q of the good samples over their nearest modes.

    It is ``sum_k q_k log(K q_k)``: zero if all modes get equal shares, log K if one mode gets all samples.

    Args:
        samples: samples of shape (n, d).
        centres: centres of the modes, shape (K, d).
        radius: samples farther than this from every mode are ignored; ``jnp.inf`` uses all samples.

    Returns:
        A number in nats; infinity if no sample is within the radius.

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
    """Return the divergence of a histogram of counts from the uniform one."""
    total = jnp.sum(counts)
    shares = counts / jnp.maximum(total, 1)
    divergence = jnp.sum(jax.scipy.special.rel_entr(shares, jnp.full_like(shares, 1 / len(shares))))
    return jnp.where(total > 0, divergence, jnp.inf)


def _counts(samples: ArrayLike, centres: ArrayLike, radius: ArrayLike) -> jax.Array:
    """Return, for each centre, the number of samples within the radius that have no closer centre."""
    return _histogram(*two_sets(("samples", samples), ("centres", centres)), radius)


@jax.jit
def _histogram(samples: jax.Array, centres: jax.Array, radius: ArrayLike) -> jax.Array:
    distances = squared_distances(samples, centres)
    near = jnp.min(distances, axis=1) <= jnp.asarray(radius) ** 2
    return jnp.zeros(len(centres), samples.dtype).at[jnp.argmin(distances, axis=1)].add(near.astype(samples.dtype))
