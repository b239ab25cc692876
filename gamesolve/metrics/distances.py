"""Distances between two sets of samples."""

from typing import Any

import jax
import jax.numpy as jnp

from gamesolve.metrics._pairs import squared_distances, two_sets


def mmd(x: Any, y: Any, bandwidths: Any = (0.25, 0.5, 1.0, 2.0, 4.0)) -> jax.Array:
    """Return the unbiased squared maximum mean discrepancy under a sum of Gaussian kernels.

    ``mean k(x_i, x_j) + mean k(y_i, y_j) - 2 mean k(x_i, y_j)``, the first two over pairs ``i != j``, with
    ``k(a, b) = sum_h exp(-||a - b||^2 / (2 h^2))``. It is zero in the mean for two samples of one distribution, so it
    may be negative.

    Args:
        x: shape (n, d), n at least 2.
        y: shape (m, d), m at least 2.
        bandwidths: the h, in units of the samples.

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
        raise ValueError(f"x and y have {len(x)} and {len(y)} samples; the unbiased form needs two of each.")
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


def wasserstein1(x: Any, y: Any) -> jax.Array:
    """Return the Wasserstein-1 distance of two samples of numbers.

    The area between their distribution functions, ``int |F - G|``; for samples of one size the mean distance of the
    sorted samples.

    Args:
        x: shape (n,) or (n, 1).
        y: shape (m,) or (m, 1).

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


def frechet_distance(features_x: Any, features_y: Any) -> jax.Array:
    """Return the squared Frechet distance of the Gaussians with the features' means and covariances.

    ``||m_x - m_y||^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2))``. With ``C = R^T R`` from a QR decomposition of the centred
    features the last trace is the sum of the singular values of ``R_x R_y^T``: no root of a matrix is taken, and
    float32 keeps its digits. It falls as samples grow in number: compare at one number only, and with a floor.

    Args:
        features_x: shape (n, d), n at least 2.
        features_y: shape (m, d), m at least 2.

    Returns:
        The squared distance, in squared units of the features; zero or above up to rounding.

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
        raise ValueError("features_x and features_y need two samples each; one has no covariance.")
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


def _numbers(name: str, values: Any) -> jax.Array:
    values = jnp.asarray(values)
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)) or not values.size:
        raise ValueError(f"{name} has shape {values.shape}; give numbers, of shape (n,) or (n, 1).")
    return values.ravel().astype(jnp.result_type(values, jnp.float32))
