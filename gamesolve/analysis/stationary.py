"""The stationary covariance of a random affine recursion ``d' = M_s d + n_s`` with independent draws s."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.linalg

Array = npt.NDArray[np.floating[Any]]

# The covariance is summed until its trace changes by less than this fraction, below any statistical error.
SUMMED = 1e-7
# More terms, or larger ones relative to the first, mean that the multiplicative noise nearly destroys stability.
MAX_TERMS, MAX_GROWTH = 1000, 1e6


class Recursion(NamedTuple):
    """Sampled moments of a random affine recursion.

    Attributes:
        matrix: mean of the matrices M_s, shape (n, n).
        spread: deviations of sampled matrices from their mean, shape (draws, n, n).
        noise: sampled n_s without their mean, shape (draws, n).
    """

    matrix: Array
    spread: Array
    noise: Array

    @property
    def covariance(self) -> Array:
        """Covariance of the additive noise."""
        return self.noise.T @ self.noise / len(self.noise)

    def multiplicative(self, covariance: Array) -> Array:
        """Return the covariance of ``(M_s - M) d`` for d of this covariance."""
        return _averaged(self.spread, covariance)

    def around(self, away: Array) -> "Recursion":
        """Return the recursion of the deviations from a mean, at which the noise is ``n_s + M_s away``.

        Both come from the same draws: those that have a matrix. Without a mean, all draws of the noise stay.
        """
        if not np.any(away):
            return self
        noise = self.noise[: len(self.spread)] + self.spread @ away
        return self._replace(noise=noise - noise.mean(axis=0))

    def stationary(self) -> Array | None:
        """Return S with ``S = mean(M_s S M_s^T) + Q``, Q the covariance of the noise; None if the variance diverges."""
        return _summed(self.matrix, self.spread, self.covariance)

    def weights(self, size: int) -> Array | None:
        """Return W with ``trace(W Q)`` the stationary variance of the first entries, for noise of any covariance Q."""
        first = np.diag((np.arange(len(self.matrix)) < size).astype(float))
        return _summed(self.matrix.T, self.spread.swapaxes(1, 2), first)


def _averaged(spread: Array, covariance: Array) -> Array:
    """Return the mean of ``D C D^T`` over sampled matrices D."""
    return np.tensordot(spread @ covariance, spread, axes=((0, 2), (0, 2))) / len(spread)


def _summed(matrix: Array, spread: Array, constant: Array) -> Array | None:
    """Solve ``S = M S M^T + mean(D S D^T) + C`` for a stable M, as a sum over the orders of the spread D.

    All terms are positive semidefinite, and the sum converges exactly if the recursion is stable in mean square.
    """
    term = scipy.linalg.solve_discrete_lyapunov(matrix, constant)
    total, first = term, np.trace(term)
    for _ in range(MAX_TERMS):
        if np.trace(term) <= SUMMED * np.trace(total):
            return (total + total.T) / 2
        if np.trace(term) > MAX_GROWTH * first:
            break
        term = scipy.linalg.solve_discrete_lyapunov(matrix, _averaged(spread, term))
        total = total + term
    return None
