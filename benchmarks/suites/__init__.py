"""The suites, one file each; every file has a ``SUITE``."""

import importlib

from benchmarks.suites.suite import Suite

NAMES = ("bilinear", "quadratic", "toy", "matrix", "stochastic", "gan-toy", "published", "scaling")


def load(name: str) -> Suite:
    """Return a suite by its name."""
    return importlib.import_module(f"benchmarks.suites.{name.replace('-', '_')}").SUITE
