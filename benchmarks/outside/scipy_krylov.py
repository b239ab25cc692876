"""Newton-Krylov with differences of the field for products with the Jacobian, from SciPy."""

import numpy as np
import scipy.optimize

from benchmarks.outside.loop import Field, Loop


def find(field: Field, start: np.ndarray) -> None:
    """Look for a zero of the field."""
    scipy.optimize.root(field, start, method="krylov", tol=1e-12)


METHOD = Loop(
    "scipy-krylov",
    find,
    "a Newton step by LGMRES on differences of v",
    "Knoll, Keyes 2004; scipy.optimize.root, krylov",
)
