"""Basins of attraction: where runs end, for which step sizes they diverge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

WELLS = gs.general_sum(lambda x: -((x["x"] ** 2 - 1) ** 2) / 4)
ENDS = [({"x": -1.0},), ({"x": 1.0},)]


def wells(solver, starts):
    return gs.analysis.basins(WELLS, solver, ({"x": starts},), 200, ENDS)


def test_each_start_falls_into_its_own_well():
    starts = jnp.array([-2.0, -0.1, 0.0, 0.1, 9.0])
    found = wells(gs.simgd(0.2), starts)
    assert found.label.tolist() == [0, 0, -1, 1, -2]
    assert found.steps[2] == 0  # the field is zero on the ridge
    assert found.steps[-1] < 10
    assert float(jnp.max(found.residual[:4])) <= 1e-6


def test_a_map_of_starts_and_step_sizes_is_one_call():
    starts, rates = jnp.array([0.5, 2.5]), jnp.array([0.1, 0.9, 1.1, 3.0])
    labels = jax.vmap(lambda rate: wells(gs.simgd(rate), starts).label)(rates)
    # At the minimum the curvature is 2: runs converge for step sizes below 1, and cycle or diverge above.
    assert labels[:2, 0].tolist() == [1, 1]
    assert labels[2:, 0].tolist() == [-1, -2]
    assert labels[:, 1].tolist()[0] == 1
    assert labels[3, 1] == -2


def test_strong_consensus_draws_the_whole_torus_to_zeros_half_of_them_spurious():
    game, pi = gs.games.cosine(), float(np.pi)
    starts = gs.analysis.sample_box(jax.random.key(3), (-pi, -pi), (pi, pi), 64)
    found = gs.analysis.basins(game, gs.conopt(0.05, gamma=3.0), starts, 500, period=2 * pi)
    counts = np.bincount(found.label, minlength=4)
    assert np.all(counts >= 8)
    assert counts[2] + counts[3] >= 20  # the saddles


def test_there_must_be_something_to_come_to():
    with pytest.raises(ValueError, match="equilibria is empty"):
        gs.analysis.basins(WELLS, gs.simgd(0.1), ({"x": jnp.zeros(2)},), 3)
