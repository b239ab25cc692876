"""MINPACK's hybrid method, the default of `scipy.optimize.root`."""

import numpy as np
import scipy.optimize

from benchmarks.outside.loop import Field, Loop


def find(field: Field, start: np.ndarray) -> None:
    """Look for a zero of the field."""
    scipy.optimize.root(field, start, method="hybr", tol=1e-12)


METHOD = Loop(
    "scipy-hybr",
    find,
    "Powell's hybrid method with Broyden's updates",
    "More, Garbow, Hillstrom 1980; scipy.optimize.root, hybr",
)
