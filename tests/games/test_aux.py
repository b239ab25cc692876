"""Games made from payoffs that return metrics and model state beside their values: nothing of it is lost."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import games

HALF = (jnp.array([0.4, 0.6]), jnp.array([0.7, 0.3]))
ONE = {"equality": 0.5}
ON_ONE = {"equality": lambda *players: players[0] - 1}


def product(x, y):
    return jnp.sum(x) * y[0] + x[1] * y[1]


def with_metric(function):
    return lambda *arguments: (function(*arguments), gs.Aux({"first": jnp.sum(jax.tree.leaves(arguments[0])[0])}))


def square(x, *_):
    return x**2


def of_leaves(parameters):
    return parameters["low"] * parameters["up"]


LEAVES = ({"low": 0.4, "up": None}, {"low": None, "up": 0.7})
MAKERS = {
    "quantal": (lambda wrap: games.quantal(gs.general_sum(wrap(product), wrap(product)), 0.5), HALF),
    "quantal, zero-sum": (lambda wrap: games.quantal(gs.zero_sum(wrap(product)), 0.5), HALF),
    "in_log_odds": (lambda wrap: games.in_log_odds(gs.zero_sum(wrap(product))), games.log_odds(HALF)),
    "lagrangian": (lambda wrap: games.lagrangian(wrap(square), **ON_ONE), (0.4, ONE)),
    "lagrangian(index=)": (
        lambda wrap: games.lagrangian(wrap(square), equality=lambda x, rows: x - rows, index=lambda rows: rows).bind(
            jnp.arange(2)
        ),
        (0.4, {"equality": jnp.ones(2)}),
    ),
    "augmented_lagrangian": (lambda wrap: games.augmented_lagrangian(wrap(square), **ON_ONE, penalty=2.0), (0.4, ONE)),
    "generalised": (lambda wrap: games.generalised(wrap(square), wrap(square), **ON_ONE), (0.4, 0.2, ONE)),
    "by_leaf": (lambda wrap: games.by_leaf(wrap(of_leaves)), LEAVES),
}


@pytest.mark.parametrize("name", MAKERS)
def test_metrics_pass_through(name):
    make, players = MAKERS[name]
    game, plain = make(with_metric), make(lambda function: function)
    jax.tree.map(np.testing.assert_array_equal, game.field(players), plain.field(players))
    record = lambda players, state, computed: computed.metrics
    trace = gs.solve(game, gs.simgd(0.1), players, 1, record=record).trace
    assert trace[0]["first"].shape == (1,)


@pytest.mark.parametrize("wrap", [lambda game: games.quantal(game, 0.5), games.in_log_odds])
def test_model_state_passes_through(wrap):
    def payoff(x, y, *, model_state):
        return product(x, y), gs.Aux({"seen": model_state}, model_state + 1)

    game = wrap(gs.zero_sum(payoff, model_state=jnp.zeros((), int)))
    players = HALF if wrap is not games.in_log_odds else games.log_odds(HALF)
    assert int(gs.solve(game, gs.extragradient(0.01), players, 3).model_state) == 3


def test_entropies_need_payoffs():
    with pytest.raises(ValueError, match="quantal needs payoffs, got a game made by from_field"):
        games.quantal(gs.from_field(lambda x, y: (-x, -y), 2), 1.0)
