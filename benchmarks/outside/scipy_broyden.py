"""Broyden's first method, from SciPy."""

import numpy as np
import scipy.optimize

from benchmarks.outside.loop import Field, Loop


def find(field: Field, start: np.ndarray) -> None:
    """Look for a zero of the field."""
    scipy.optimize.root(field, start, method="broyden1", tol=1e-12)


METHOD = Loop("scipy-broyden", find, "z - B v, B updated by secants", "Broyden 1965; scipy.optimize.root, broyden1")
