"""Scores on a classifier's probabilities and features; they can only be compared for one classifier."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from numpy.typing import ArrayLike

from gamesolve.metrics._pairs import points, squared_distances, two_sets
from gamesolve.trees.faces import shown


@shown()
class PrecisionRecall(NamedTuple):
    """Precision, the fraction of fakes that look real, and recall, the fraction of real samples that fakes cover."""

    precision: jax.Array
    recall: jax.Array


def inception_score(probabilities: ArrayLike) -> jax.Array:
    """Return the inception score: the exponential of the mutual information between sample and class.

    It is ``exp mean_x KL(p(y | x) || p(y))``, with ``p(y)`` the mean of the rows. It does not use real data, so report
    it next to the score of real samples.

    Args:
        probabilities: a classifier's class probabilities for the samples, shape (n, classes); rows sum to one.

    Returns:
        A number from 1 (all samples have equal probabilities) to the number of classes.

    Example:
        >>> import jax.numpy as jnp, gamesolve as gs
        >>> round(float(gs.metrics.inception_score(jnp.eye(10))), 3)
        10.0

    Reference:
        Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016, https://arxiv.org/abs/1606.03498
    """
    return _inception_score(points("probabilities", probabilities))


@jax.jit
def _inception_score(probabilities: jax.Array) -> jax.Array:
    divergence = jnp.sum(jax.scipy.special.rel_entr(probabilities, jnp.mean(probabilities, axis=0)), axis=1)
    return jnp.exp(jnp.mean(divergence))


def class_coverage(probabilities: ArrayLike, least: int = 1) -> jax.Array:
    """Count the classes that a classifier finds among the samples.

    Args:
        probabilities: class probabilities for the samples, shape (n, classes).
        least: smallest number of samples for which a class must be the most probable one.

    Returns:
        The number of classes, an integer array.

    Example:
        >>> from gamesolve import metrics
        >>> int(metrics.class_coverage([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0]]))
        2
    """
    return _class_coverage(points("probabilities", probabilities), least)


@jax.jit
def _class_coverage(probabilities: jax.Array, least: int) -> jax.Array:
    most_probable = jnp.argmax(probabilities, axis=1)
    counts = jnp.zeros(probabilities.shape[1], jnp.int32).at[most_probable].add(1)
    return jnp.sum(counts >= least)


def precision_recall(real: ArrayLike, fake: ArrayLike, k: int = 3) -> PrecisionRecall:
    """Return the improved precision and recall, in which each sample covers a ball up to its k-th nearest neighbour.

    Precision is the fraction of fakes that are covered by a real sample: no farther from it than its k-th nearest real
    neighbour. Recall is the same with real and fake samples exchanged.

    Args:
        real: features of real samples, shape (n, d), n greater than k.
        fake: features of fakes, shape (m, d), m greater than k. Use m = n, because the balls shrink with the number
            of samples.
        k: number of neighbours.

    Returns:
        The `PrecisionRecall`, both from 0 to 1.

    Example:
        >>> import jax, gamesolve as gs
        >>> real = jax.random.normal(jax.random.key(0), (200, 2))
        >>> precision, recall = gs.metrics.precision_recall(real, 0.1 * real)
        >>> float(precision) > 0.9, float(recall) < 0.1
        (True, True)

    Reference:
        Kynkaanniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models", NeurIPS 2019,
        https://arxiv.org/abs/1904.06991
    """
    real, fake = two_sets(("real", real), ("fake", fake))
    if not 1 <= k < min(len(real), len(fake)):
        raise ValueError(
            f"k must be at least 1 and below the number of samples, got {k} for {len(real)} real and {len(fake)} fake "
            "samples."
        )
    return _precision_recall(real, fake, k)


@partial(jax.jit, static_argnames="k")
def _precision_recall(real: jax.Array, fake: jax.Array, k: int) -> PrecisionRecall:
    between = squared_distances(real, fake)
    precision = jnp.mean(jnp.any(between <= _reach(real, k)[:, None], axis=0))
    recall = jnp.mean(jnp.any(between <= _reach(fake, k), axis=1))
    return PrecisionRecall(precision, recall)


def _reach(features: jax.Array, k: int) -> jax.Array:
    """Return the squared distance from each point to its k-th nearest neighbour, not counting itself."""
    distances = squared_distances(features, features).at[jnp.diag_indices(len(features))].set(-1)
    return jnp.sort(distances, axis=1)[:, k]
