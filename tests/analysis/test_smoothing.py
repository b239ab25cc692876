"""Smoothed games: averages over perturbations, and ordinary games."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")


def test_smoothing_the_cosine_game_shrinks_its_field_by_the_gaussian_factor():
    scales, players = (0.5, 0.3), (0.2, 0.3)
    field = jax.jit(lambda key: gs.analysis.smooth(gs.games.cosine(), scales, 20_000, key).field(players))
    values = np.array(field(jax.random.key(1)))
    # Player 0's field depends on player 1's angle and the other way round. The standard error is about 0.002.
    np.testing.assert_allclose(values[0], np.exp(-(0.3**2) / 2) * np.cos(0.3), atol=8e-3)
    np.testing.assert_allclose(values[1], np.exp(-(0.5**2) / 2) * np.sin(0.2), atol=8e-3)
    assert not np.allclose(values, np.array(field(jax.random.key(2))), atol=1e-6)


def test_a_smoothed_game_is_an_ordinary_one_on_odd_trees():
    payoff = lambda x, y, c, batch: c * jnp.mean(batch) * jnp.sum(x["a"][0] * y) - jnp.sum(y**2)
    game = gs.zero_sum(payoff, constants=(2.0,)).bind(jnp.ones(3))
    players = ({"a": (jnp.array([1.0, 2.0]), None)}, jnp.array([0.5, 0.1]))
    smoothed = gs.analysis.smooth(game, 0.1, 16, jax.random.key(0))
    assert smoothed.is_zero_sum
    # Linear in the noise: the Jacobian is that of the game itself, and the mean of the draws moves the field.
    np.testing.assert_allclose(gs.analysis.jacobian(smoothed, players), gs.analysis.jacobian(game, players), atol=1e-12)
    field = jax.jit(lambda game: jax.flatten_util.ravel_pytree(game.field(players))[0])
    apart = np.abs(np.asarray(field(smoothed)) - np.asarray(field(game)))
    assert 0 < np.max(apart) < 0.2
    np.testing.assert_array_equal(field(smoothed), field(smoothed))


def test_smoothing_removes_a_small_trap():
    bumpy = gs.general_sum(lambda x: -(x**2) / 2 + 0.1 * jnp.cos(20 * x))
    smoothed = gs.analysis.smooth(bumpy, 0.3, 400, jax.random.key(0))
    end = lambda game: float(gs.solve(game, gs.simgd(0.03), (2.0,), 300).players[0])
    assert end(bumpy) > 1.5
    assert abs(end(smoothed)) < 0.1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="num_samples must be at least 1, got 0"):
        gs.analysis.smooth(gs.games.curl(), 0.1, 0, jax.random.key(0))
    with pytest.raises(ValueError, match="scale has 3 entries for 2 players"):
        gs.analysis.smooth(gs.games.curl(), (0.1, 0.1, 0.1), 5, jax.random.key(0))
