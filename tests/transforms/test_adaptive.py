"""Methods that find their own step sizes: what each adapts to."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

# Player 0 minimises, player 1 maximises; AdaGrad converges only if player 0 is slow enough.
SEPARATED = gs.zero_sum(lambda x, y: 2 * x * y - 2 * x**2 - y**2 / 2)
START = (1.0, 0.01)


def adagrad(*rates):
    return gs.per_player(*(optax.chain(optax.scale_by_rss(0.0), optax.scale(-rate)) for rate in rates))


@pytest.mark.parametrize("make", [gs.tiada, gs.tiada_coordinates])
@pytest.mark.parametrize("rates", [(0.2, 0.1), (2.0, 1.0), (5.0, 1.0)])
def test_tiada_finds_the_ratio_of_step_sizes_at_which_adagrad_fails(x64, make, rates):
    norms = {}
    for name, solver in {"tiada": make(rates), "adagrad": adagrad(*rates)}.items():
        players = gs.solve(SEPARATED, solver, START, 20_000).players
        norms[name] = float(abs(SEPARATED.field(players)[0]))
    assert norms["tiada"] < 2e-10
    assert norms["adagrad"] > 200


def test_tiada_by_coordinates_equals_tiada_for_single_numbers(x64):
    reached = [gs.solve(SEPARATED, make((0.3, 0.4)), START, 50).players for make in (gs.tiada, gs.tiada_coordinates)]
    np.testing.assert_allclose(*reached, rtol=1e-12)


def test_player_0_of_tiada_waits_for_the_largest_sum():
    game = gs.general_sum(*(lambda x, y, z, k=k: (1.0, 3.0, 2.0)[k] * (x, y, z)[k] for k in range(3)))
    x, y, z = gs.step(game, gs.tiada(1.0, alpha=0.6, beta=0.4), (0.0, 0.0, 0.0))[0]
    np.testing.assert_allclose((x, y, z), (9**-0.6, 3 * 9**-0.4, 2 * 4**-0.4), rtol=1e-6)


@pytest.mark.parametrize("make", [gs.tiada, gs.tiada_coordinates])
def test_tiada_says_what_it_needs(make):
    with pytest.raises(ValueError, match=r"alpha must be above beta = 0.6, got 0.4"):
        make(0.1, alpha=0.4, beta=0.6)
    with pytest.raises(ValueError, match=r"tiada.* needs the game and all players"):
        gs.step(SEPARATED, gs.per_player(make(0.1), optax.sgd(0.1)), START)


def test_tiada_takes_networks_of_any_shape():
    start = ({"a": jnp.ones((2, 3)), "b": jnp.zeros(())}, [jnp.ones(2)])
    game = gs.zero_sum(lambda x, y: jnp.sum(x["a"] ** 2) + x["b"] * jnp.sum(y[0]) - jnp.sum(y[0] ** 2))
    for make in (gs.tiada, gs.tiada_coordinates):
        players = gs.solve(game, make(0.1), start, 5).players
        assert jax.tree.map(jnp.shape, players) == jax.tree.map(jnp.shape, start)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(players))
