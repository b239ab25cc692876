"""Distances between two sets of samples."""

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.metrics._pairs import squared_distances, two_sets


def mmd(x: ArrayLike, y: ArrayLike, bandwidths: ArrayLike = (0.25, 0.5, 1.0, 2.0, 4.0)) -> jax.Array:
    """Return the unbiased squared maximum mean discrepancy under a sum of Gaussian kernels.

    It is ``mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)``, with the first two means over pairs ``i != j``
    and ``k(a, b) = sum_h exp(-||a - b||^2 / (2 h^2))``. For two samples of one distribution its expectation is zero,
    so it may be negative.

    Args:
        x: samples of shape (n, d), n at least 2.
        y: samples of shape (m, d), m at least 2.
        bandwidths: bandwidths h of the kernels, in units of the samples.

    Returns:
        The squared discrepancy, at most twice the number of bandwidths.

    Example:
        >>> import jax, gamesolve as gs
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 500, 2))
        >>> abs(float(gs.metrics.mmd(x, y))) < 0.02 < float(gs.metrics.mmd(x, y + 1.0))
        True

    Reference:
        Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, https://jmlr.org/papers/v13/gretton12a.html
    """
    x, y = two_sets(("x", x), ("y", y))
    if min(len(x), len(y)) < 2:
        raise ValueError(f"x and y must have at least 2 samples each, got {len(x)} and {len(y)}.")
    return _mmd(x, y, jnp.asarray(bandwidths, x.dtype))


@jax.jit
def _mmd(x: jax.Array, y: jax.Array, bandwidths: jax.Array) -> jax.Array:
    scales = 2 * jnp.ravel(bandwidths) ** 2

    def kernel(a: jax.Array, b: jax.Array) -> jax.Array:
        distances = squared_distances(a, b)
        return sum((jnp.exp(-distances / scale) for scale in scales), jnp.zeros_like(distances))

    def within(a: jax.Array) -> jax.Array:
        values = kernel(a, a)
        return (jnp.sum(values) - jnp.trace(values)) / (len(a) * (len(a) - 1))

    return within(x) + within(y) - 2 * jnp.mean(kernel(x, y))


def wasserstein1(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """Return the Wasserstein-1 distance of two samples of numbers.

    It is the area between their distribution functions, ``int |F - G|``. For samples of equal size it is the mean
    distance of the sorted samples.

    Args:
        x: numbers, shape (n,) or (n, 1).
        y: numbers, shape (m,) or (m, 1).

    Returns:
        The distance, in units of the samples.

    Example:
        >>> from gamesolve import metrics
        >>> float(metrics.wasserstein1([0.0, 1.0], [3.0, 2.0]))
        2.0

    Reference:
        Villani, "Optimal Transport: Old and New", Springer 2009.
    """
    return _wasserstein1(*(_numbers(name, values) for name, values in (("x", x), ("y", y))))


@jax.jit
def _wasserstein1(x: jax.Array, y: jax.Array) -> jax.Array:
    knots = jnp.sort(jnp.concatenate([x, y]))
    below = [jnp.searchsorted(jnp.sort(values), knots[:-1], side="right") for values in (x, y)]
    shares = [counts.astype(knots.dtype) / len(values) for counts, values in zip(below, (x, y), strict=True)]
    return jnp.sum(jnp.abs(shares[0] - shares[1]) * jnp.diff(knots))


def frechet_distance(features_x: ArrayLike, features_y: ArrayLike) -> jax.Array:
    """Return the squared Frechet distance of the Gaussians with the features' means and covariances.

    It is ``||m_x - m_y||^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))`` with means m and covariances C. With ``C = R^T R``
    from a QR decomposition of the centred features, the trace of the root is the sum of the singular values of
    ``R_x R_y^T``. No matrix root is computed, and float32 keeps its accuracy. The distance decreases with the number
    of samples: compare distances at equal numbers only, and next to the distance between two sets of real samples.

    Args:
        features_x: features of shape (n, d), n at least 2.
        features_y: features of shape (m, d), m at least 2.

    Returns:
        The squared distance, in squared units of the features; non-negative up to rounding.

    Example:
        >>> import jax, gamesolve as gs
        >>> x = jax.random.normal(jax.random.key(0), (100, 3))
        >>> round(float(gs.metrics.frechet_distance(x, x + 2.0)), 3)
        12.0

    Reference:
        Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017, https://arxiv.org/abs/1706.08500
    """
    sets = two_sets(("features_x", features_x), ("features_y", features_y))
    if min(map(len, sets)) < 2:
        raise ValueError(
            f"features_x and features_y must have at least 2 samples each, got {len(sets[0])} and {len(sets[1])}."
        )
    return _frechet_distance(*sets)


@jax.jit
def _frechet_distance(*sets: jax.Array) -> jax.Array:
    means = [jnp.mean(features, axis=0) for features in sets]
    roots = [
        jnp.linalg.qr((features - mean) / jnp.sqrt(len(features) - 1.0).astype(features.dtype), mode="r")
        for features, mean in zip(sets, means, strict=True)
    ]
    overlap = jnp.matmul(roots[0], roots[1].T, precision="highest")
    spread = sum(jnp.sum(root**2) for root in roots)
    return jnp.sum((means[0] - means[1]) ** 2) + spread - 2 * jnp.sum(jnp.linalg.svd(overlap, compute_uv=False))


def _numbers(name: str, values: ArrayLike) -> jax.Array:
    array = jnp.asarray(values)
    if array.ndim not in (1, 2) or array.shape[1:] not in ((), (1,)) or not array.size:
        raise ValueError(f"{name} must be numbers of shape (n,) or (n, 1), got shape {array.shape}.")
    return array.ravel().astype(jnp.result_type(array, jnp.float32))
