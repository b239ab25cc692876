"""Lyapunov exponents against closed forms, spectra and clusters of nearby trajectories."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

CURL = gs.games.curl
START = (0.5, 0.3)


def exponents(game, solver, num_steps=200, **settings):
    return np.asarray(gs.analysis.lyapunov_exponents(game, solver, START, num_steps, **settings))


def test_g15_exponents_of_two_maps():
    np.testing.assert_allclose(exponents(CURL(), gs.simgd(0.2)), [0.0196104, 0.0196104], atol=5e-8)
    np.testing.assert_allclose(exponents(CURL(), gs.extragradient(0.2)), [-0.0195784, -0.0195784], atol=5e-8)


@pytest.mark.parametrize("solver", [gs.ogda(0.2), gs.simgd(0.2, momentum=0.5 + 0.1j)], ids=["ogda", "complex"])
def test_the_floating_state_belongs_to_the_map(solver):
    spectrum = np.log(np.abs(gs.analysis.step_spectrum(CURL(), solver, (0.0, 0.0))))
    assert spectrum.size > 2
    np.testing.assert_allclose(exponents(CURL(), solver, 1000, settle=200), np.sort(spectrum)[::-1], atol=1e-3)


def test_step_counts_go_on_along_the_run():
    game = gs.general_sum(lambda x: -(x**2) / 2)
    schedule = lambda count: 0.5 / (count + 1)
    rates = 0.5 / np.arange(101, 301)
    value = gs.analysis.lyapunov_exponents(game, gs.simgd(schedule), (1.0,), 200, settle=100)
    np.testing.assert_allclose(value, [np.mean(np.log(1 - rates))], rtol=1e-12)


def test_a_cluster_of_nearby_plays_parts_at_the_leading_exponent():
    game, solver, length, num_steps = gs.games.cosine(), gs.simgd(2.5), 1e-7, 4000
    leading = exponents(game, solver, num_steps, settle=100, k=1)
    assert leading > 0.3  # chaos

    @jax.jit
    def follow(start, offsets):
        def advance(carry, _):
            center, offsets = carry
            players, _ = gs.step(game, solver, tuple(center))
            moved = jax.vmap(lambda offset: jnp.stack(gs.step(game, solver, tuple(center + offset))[0]))(offsets)
            apart = moved - jnp.stack(players)
            lengths = jnp.linalg.norm(apart, axis=1)
            return (jnp.stack(players), length * apart / lengths[:, None]), jnp.log(lengths / length)

        return jax.lax.scan(advance, (start, offsets), length=num_steps + 100)[1]

    offsets = length * jax.random.normal(jax.random.key(2), (5, 2))
    growth = jnp.mean(follow(jnp.array(START), offsets)[100:], axis=0)
    np.testing.assert_allclose(growth, np.full(5, leading), atol=2e-3)


def test_exponents_of_the_flow_are_per_unit_of_time():
    game = gs.zero_sum(lambda x, y, c: c * x**2 / 2 + x * y, constants=(3.0,))
    values = gs.analysis.flow_exponents(game, (0.1, 0.0), 20.0, 400, settle=200)
    np.testing.assert_allclose(values, (-3 + np.array([1, -1]) * np.sqrt(5)) / 2, atol=1e-5)


def test_what_can_not_be_served_is_said():
    with pytest.raises(ValueError, match="k must be from 1 to 2, the number of directions of players and state, got 3"):
        exponents(CURL(), gs.simgd(0.2), k=3)
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        exponents(CURL(), gs.simgd(0.2), 0)
    wide = (jnp.zeros(20_000), jnp.zeros(1))
    game = gs.zero_sum(lambda x, y: jnp.sum(x) * y[0])
    with pytest.raises(ValueError, match=r"20001 x 20001 takes 3 GiB.*Pass k="):
        gs.analysis.lyapunov_exponents(game, gs.simgd(0.1), wide, 3)
    assert gs.analysis.lyapunov_exponents(game, gs.simgd(0.1), wide, 3, k=1).shape == (1,)
