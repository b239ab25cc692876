"""Stability regions of solvers against their amplification factors."""

import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

GRID = np.linspace(-2, 0.5, 6)[:, None] + 1j * np.linspace(-1.5, 1.5, 4)


def largest_root(make):
    return np.array([[np.max(np.abs(np.roots(make(z)))) for z in row] for row in GRID])


@pytest.mark.parametrize(
    ("make", "factor"),
    [
        (gs.simgd, lambda z: abs(1 + z)),
        (gs.extragradient, lambda z: abs(1 + z + z**2)),
        (gs.proximal, lambda z: 1 / abs(1 - z)),
        (gs.runge_kutta, lambda z: abs(1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24)),
    ],
)
def test_regions_of_solvers_without_memory(make, factor):
    found = gs.analysis.stability_region(make, jnp.asarray(GRID))
    assert found.shape == GRID.shape
    np.testing.assert_allclose(found, factor(GRID), rtol=1e-9)


def test_regions_of_solvers_with_memory_count_it():
    optimistic = largest_root(lambda z: [1, -(1 + 2 * z), z])
    np.testing.assert_allclose(gs.analysis.stability_region(gs.ogda, GRID), optimistic, rtol=1e-6)
    heavy = largest_root(lambda z: [1, -(1 + 0.4 + z), 0.4])
    found = gs.analysis.stability_region(lambda eta: gs.simgd(eta, momentum=0.4), GRID)
    np.testing.assert_allclose(found, heavy, rtol=1e-6)


def test_regions_of_solvers_with_a_period_are_averages():
    found = gs.analysis.stability_region(lambda eta: gs.lookahead(gs.simgd(eta), period=3, alpha=0.5), GRID)
    np.testing.assert_allclose(found, abs(0.5 + 0.5 * (1 + GRID) ** 3) ** (1 / 3), rtol=1e-6, atol=1e-6)
