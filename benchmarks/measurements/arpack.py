"""Compute eigenpairs by ARPACK on the host, the peer of the compiled Arnoldi iteration."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse.linalg

from gamesolve.linear.eigenpairs import ORDERS, Operator, Pairs, _product, certified, default_tolerance, leaders


def arpack(operator: Operator, start: jax.Array, k: int, which: Sequence[str], tolerance: float | None = None) -> Pairs:
    """Return eigenpairs by ARPACK on the host, one run for each end, over the compiled product.

    Args:
        operator: the map.
        start: first vector.
        k: number of eigenpairs at each end.
        which: ends of the spectrum, keys of `ORDERS`.
        tolerance: tolerance on residuals, relative to the eigenvalue's modulus. Default: that of the precision.

    Returns:
        The `Pairs`; fewer than ``k`` per end if ARPACK does not find more.
    """
    tolerance = default_tolerance(start.dtype) if tolerance is None else tolerance
    sparse: Any = scipy.sparse.linalg  # its stubs lack some keywords and results

    def matvec(vector: np.ndarray) -> np.ndarray:
        return np.asarray(_product(operator, vector.ravel()))

    linear = sparse.LinearOperator((start.size, start.size), matvec=matvec, dtype=start.dtype)
    values, rows = [], []
    for end in which:
        try:
            found, columns = sparse.eigs(linear, k, which=end, v0=np.asarray(start), tol=tolerance)
        except sparse.ArpackNoConvergence as error:
            found, columns = error.eigenvalues, error.eigenvectors
        order = leaders(found, ORDERS[end], k)
        values.append(found[order])
        rows.append(columns.T[order])
    return certified(operator, np.concatenate(values), jnp.asarray(np.concatenate(rows)), tolerance)
