"""Anderson mixing of fixed-point steps, from SciPy."""

import numpy as np
import scipy.optimize

from benchmarks.outside.loop import Field, Loop


def find(field: Field, start: np.ndarray) -> None:
    """Look for a zero of the field."""
    scipy.optimize.root(field, start, method="anderson", tol=1e-12)


METHOD = Loop(
    "scipy-anderson",
    find,
    "the mixture of the last steps with the smallest v",
    "Anderson 1965; scipy.optimize.root, anderson",
)
