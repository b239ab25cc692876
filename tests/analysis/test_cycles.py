"""Limit cycles: found where there is one, and nowhere else."""

import jax.numpy as jnp
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")


def phi(z):
    return 2 * z**6 / 21 - z**4 / 3 + z**2 / 3


FORSAKEN = gs.zero_sum(lambda x, y: x * y + phi(x) - phi(y))


@pytest.mark.parametrize(
    ("solver", "low", "high"), [(gs.simgd(0.05), 1.315, 1.381), (gs.extragradient(0.05), 1.2455, 1.2519)]
)
def test_g10_global_forsaken_cycles(solver, low, high):
    cycle = gs.analysis.limit_cycle(FORSAKEN, solver, (1.0, 1.0), 2000, settle=18_000)
    assert cycle.found
    assert float(cycle.nearest) == pytest.approx(low, abs=1e-3)
    assert float(cycle.farthest) == pytest.approx(high, abs=1e-3)
    assert float(jnp.hypot(*cycle.center)) < 1e-3
    assert 0.05 * float(cycle.period) == pytest.approx(6.38, abs=0.02)


def test_g10_a_long_step_settles_and_is_no_cycle():
    cycle = gs.analysis.limit_cycle(FORSAKEN, gs.extragradient(0.33), (1.0, 1.0), 2000, settle=18_000)
    assert not cycle.found
    assert float(cycle.farthest) < 1e-12


def test_orbits_round_a_centre_are_closed_but_no_limit():
    cycle = gs.analysis.limit_cycle(gs.games.curl(), gs.altgd(0.1), (1.0, 1.0), 2000, settle=0)
    assert cycle.closed
    assert not cycle.found
    turn = 2 * jnp.arcsin(0.05)  # the angle of one alternating step
    assert float(cycle.period) == pytest.approx(float(2 * jnp.pi / turn), rel=1e-4)


def test_a_slow_spiral_is_not_closed():
    cycle = gs.analysis.limit_cycle(gs.games.curl(), gs.extragradient(0.02), (1.0, 1.0), 2000, settle=0)
    assert not cycle.closed


def test_a_record_that_is_too_large_is_refused():
    wide = (jnp.zeros(20_000), jnp.zeros(1))
    game = gs.zero_sum(lambda x, y: jnp.sum(x) * y[0])
    with pytest.raises(ValueError, match=r"10000 steps of 20001 parameters take 3 GiB"):
        gs.analysis.limit_cycle(game, gs.simgd(0.1), wide, 10_000, settle=0)
