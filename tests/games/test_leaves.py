"""Signs per leaf, against the game of two players written by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import games

PARAMETERS = {
    "net": [jnp.array([[0.3, -0.2]]), jnp.array([0.1])],
    "weights": {"data": jnp.ones(3), "edge": jnp.array(2.0)},
}
BATCH = jnp.array([[0.5, 1.0], [-1.0, 0.2], [0.3, 0.4]])


def loss(parameters, scale, batch):
    (matrix, bias), weights = parameters["net"], parameters["weights"]
    errors = jnp.tanh(batch @ matrix.T)[:, 0] + bias[0] - jnp.sin(batch[:, 0])
    return scale * jnp.mean(weights["data"] * errors**2) + weights["edge"] * bias[0] ** 2


def by_hand(net, weights, scale, batch):
    return loss({"net": net, "weights": weights}, scale, batch)


@pytest.mark.parametrize("solver", [gs.simgd((0.1, 0.05)), gs.extragradient(0.1), gs.altgd(0.1)])
def test_it_is_the_game_written_by_hand(solver):
    players = games.split_leaves(PARAMETERS, maximise=lambda name: name.startswith("weights"))
    game = games.by_leaf(loss, constants=(2.0,)).bind(BATCH)
    plain = gs.zero_sum(by_hand, constants=(2.0,)).bind(BATCH)
    assert game.is_zero_sum
    reached = games.joined_leaves(gs.solve(game, solver, players, 20).players)
    net, weights = gs.solve(plain, solver, (PARAMETERS["net"], PARAMETERS["weights"]), 20).players
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-6), reached, {"net": net, "weights": weights})


def test_names_are_paths():
    names = []
    low, up = games.split_leaves(PARAMETERS, maximise=lambda name: names.append(name) or name.endswith("edge"))
    assert names == ["net/0", "net/1", "weights/data", "weights/edge"]
    assert len(jax.tree.leaves(low)) == 3
    assert float(up["weights"]["edge"]) == 2.0


def test_mistakes():
    with pytest.raises(ValueError, match="maximise must choose some of the leaves, and not all, got 0 of 4"):
        games.split_leaves(PARAMETERS, maximise=lambda name: name == "weight")
    with pytest.raises(ValueError, match=r"each leaf must be in one of the two players .*, got one in both players"):
        games.by_leaf(jnp.sum).field((jnp.ones(2), jnp.ones(2)))
    with pytest.raises(ValueError, match="got one in neither player"):
        games.joined_leaves(({"a": 1.0, "b": None}, {"a": None, "b": None}))
    with pytest.raises(ValueError, match="one entry for each of the game's 2 players, got 3"):
        games.joined_leaves((1.0, 2.0, 3.0))
