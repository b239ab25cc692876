"""Finite-time exponents against whole-run exponents and clusters of networks; the marks on known dynamics."""

import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.games import gan

pytestmark = pytest.mark.usefixtures("x64")


def marks(game, solver, start, num_steps, every):
    found = gs.analysis.finite_time_exponents(game, solver, start, num_steps, every=every)
    passes = gs.analysis.passes(found)
    assert int(jnp.max(sum(jnp.stack(passes).astype(int)))) <= 1
    return {name: np.flatnonzero(flags).tolist() for name, flags in passes._asdict().items()}


@pytest.mark.parametrize("solver", [gs.simgd(0.3), gs.ogda(0.3)], ids=["simgd", "ogda"])
def test_windows_average_to_the_exponents_of_the_whole_run(solver):
    game, start = gs.games.cosine(), (0.5, 0.3)
    found = gs.analysis.finite_time_exponents(game, solver, start, 60, every=12)
    whole = gs.analysis.lyapunov_exponents(game, solver, start, 60, k=1)
    np.testing.assert_allclose(np.mean(found.exponents, axis=0), whole, rtol=1e-10)
    run = gs.solve(game, solver, start, 60, record=lambda players, _: players, every=12)
    np.testing.assert_allclose(found.players, run.trace, rtol=1e-12)
    np.testing.assert_array_equal(found.steps, [12, 24, 36, 48, 60])


def test_all_exponents_add_up_to_the_growth_of_areas():
    game, start = gs.games.cosine(), (0.5, 0.3)
    found = gs.analysis.finite_time_exponents(game, gs.simgd(0.3), start, 60, 2, every=12)
    x, y = start
    areas = []
    for _ in range(60):
        areas.append(np.log(1 + 0.09 * np.cos(x) * np.sin(y)))  # det(1 + 0.3 J), v = (cos y, sin x)
        x, y = x + 0.3 * np.cos(y), y + 0.3 * np.sin(x)
    np.testing.assert_allclose(np.sum(found.exponents, axis=1), np.reshape(areas, (5, 12)).mean(axis=1), atol=1e-12)


def test_a_saddle_between_two_equilibria_is_marked_and_then_the_stable_point():
    game = gs.general_sum(lambda x, y: x**2 / 2 - x**4 / 4, lambda x, y: -(y**2) / 2)
    found = marks(game, gs.simgd(0.1), (0.01, 1.0), 200, 10)
    assert found["saddle"] == [2]  # x leaves 0, where y arrives
    assert found["converging"] == list(range(6, 20))
    assert found["cycle"] == found["drifting"] == []


def test_a_cycle_is_told_from_a_discriminator_that_runs_off():
    solver, off = gs.simgd(0.05), gan.bias_plane(gan.Sigmoid()).game
    assert marks(gs.games.curl(), solver, (1.0, 0.5), 600, 100)["cycle"] == list(range(6))
    assert marks(off, solver, off.start, 600, 100)["drifting"] == list(range(6))


def test_rest_is_a_straight_path_and_wrong_windows_are_refused():
    found = gs.analysis.finite_time_exponents(gs.games.curl(), gs.simgd(0.1), (0.0, 0.0), 4, every=2)
    np.testing.assert_array_equal(found.straightness, 1)
    with pytest.raises(ValueError, match="every must divide num_steps, got every=3 and num_steps=4"):
        gs.analysis.finite_time_exponents(gs.games.curl(), gs.simgd(0.1), (0.0, 0.0), 4, every=3)
    with pytest.raises(ValueError, match="k must be from 1 to 2"):
        gs.analysis.finite_time_exponents(gs.games.curl(), gs.simgd(0.1), (0.0, 0.0), 4, 3, every=2)
