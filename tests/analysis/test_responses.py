"""Unilateral gains of players against closed forms and the duality gap of matrix games."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")


def test_the_gap_of_a_convex_concave_game_in_closed_form():
    game = gs.zero_sum(lambda x, y: jnp.sum(x["a"] ** 2) + jnp.sum(x["a"]) * y - y**2)
    x, y = {"a": np.array([1.0, -0.5])}, 0.3
    gains = gs.analysis.exploitability(game, gs.simgd(0.25), (x, y), 200)
    # Best responses: every entry of x is -y/2, y is sum(x)/2.
    np.testing.assert_allclose(gains, [np.sum((x["a"] + y / 2) ** 2), (y - 0.25) ** 2], atol=1e-12)
    zero = ({"a": jnp.zeros(2)}, 0.0)
    np.testing.assert_allclose(gs.analysis.exploitability(game, gs.simgd(0.25), zero, 200), 0, atol=1e-12)
    response = gs.analysis.best_response(game, gs.simgd(0.25), (x, y), 0, 200)
    np.testing.assert_allclose(response.player["a"], [-0.15, -0.15], atol=1e-12)
    assert float(response.residual) < 1e-12


def test_in_matrix_games_it_is_the_duality_gap():
    game = gs.games.random_matrix_game(jax.random.key(0), (3, 4))
    players = (jnp.array([0.2, 0.3, 0.5]), jnp.array([0.1, 0.2, 0.3, 0.4]))
    solvers = [gs.extragradient(1.0, projections=(project,)) for project in gs.games.simplices(2)]
    gains = gs.analysis.exploitability(game, solvers, players, 300)
    assert float(jnp.sum(gains)) == pytest.approx(float(gs.games.duality_gap(game, players)), abs=1e-9)


def test_a_lonely_player_keeps_its_sign_and_its_data():
    payoff = lambda x, y, z, c, d: c * x * y * z + d * y
    game = gs.from_losses(payoff, payoff, payoff, constants=(2.0,)).bind(5.0)
    alone = gs.analysis.alone(game, (3.0, 7.0, 11.0), 1)
    assert float(alone.field((7.0,))[0]) == -(2 * 33 + 5)
    assert alone.num_players == 1
    with pytest.raises(ValueError, match="players 0 to 2"):
        gs.analysis.alone(game, (3.0, 7.0, 11.0), 3)
    with pytest.raises(ValueError, match="solvers has 2 entries for 3 players"):
        gs.analysis.exploitability(game, [gs.simgd(0.1)] * 2, (3.0, 7.0, 11.0), 5)
