"""Quantal response equilibria: the logit answers are the definition, a root finder the independent solver."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.special

import gamesolve as gs
from gamesolve import games, transforms

pytestmark = pytest.mark.usefixtures("x64")


def answers(game, players, temperature):
    """Return each player's logit answer to the others in the game without entropies."""
    return [scipy.special.softmax(np.asarray(q) / temperature) for q in game.field(players)]


def distance_to_answers(game, players, temperature):
    return max(np.max(np.abs(p - q)) for p, q in zip(players, answers(game, players, temperature), strict=True))


@pytest.mark.parametrize(
    ("stakes", "last"),
    [
        ((1.0, 1.0, 3.0), 1.0),
        pytest.param((1.0, 1.0, 3.0), 0.05, marks=pytest.mark.full),
        pytest.param((3.0, 1.0, 3.0), 0.05, marks=pytest.mark.full),
    ],
)
def test_follow_traces_the_quantal_response_equilibria_in_the_temperature(stakes, last):
    game = games.rock_paper_scissors(stakes)
    make_game = lambda temperature: games.in_log_odds(games.quantal(game, temperature))
    start = games.log_odds(games.rock_paper_scissors().equilibria[0])
    branch = gs.analysis.follow(make_game, start, (2.0, last), step=0.2)
    assert branch.parameters[-1] == pytest.approx(last)
    assert not branch.events
    assert bool(np.all(branch.stable))
    for temperature, *players in zip(branch.parameters, *games.strategies(branch.players), strict=True):
        assert distance_to_answers(game, tuple(players), temperature) < 1e-8


@pytest.mark.parametrize("general", [False, True])
def test_solvers_of_the_regularised_game_stop_at_its_equilibrium(general):
    key = jax.random.key(0)
    M = jax.random.normal(key, (3, 4))
    game = games.matrix_game(M, 0.3 * M**2) if general else games.matrix_game(M)
    regularised = games.quantal(game, 0.7)
    assert regularised.is_zero_sum is not general
    solver = gs.mirror_prox(0.1, transforms.simplex_entropy())
    solution = gs.solve(regularised, solver, game.start, 2000, tol=1e-7)
    assert solution.status == gs.Status.CONVERGED
    assert distance_to_answers(game, solution.players, 0.7) < 1e-6


def test_three_players_with_constants_and_data():
    def payoff(x, y, z, weight, batch):
        return jnp.mean(batch) * weight * (x[0] * y[0] + y[1] * z[0] - z[1] * x[1])

    game = gs.general_sum(payoff, payoff, payoff, constants=(jnp.array(1.5),)).bind(jnp.array([1.0, 3.0]))
    start = (jnp.full(2, 0.5),) * 3
    regularised = games.quantal(game, 2.0)
    entropy = np.log(2)
    for value, plain in zip(regularised.evaluate(start), game.evaluate(start), strict=True):
        assert float(value) == pytest.approx(float(plain) + 2 * entropy)
    odds = games.in_log_odds(regularised)
    for value, plain in zip(odds.evaluate(games.log_odds(start)), regularised.evaluate(start), strict=True):
        assert float(value) == pytest.approx(float(plain))


def test_log_odds_and_strategies_are_inverse_on_any_leading_axes():
    players = ({"a": jax.nn.softmax(jax.random.normal(jax.random.key(0), (2, 5)))}, jnp.array([0.1, 0.9]))
    odds = games.log_odds(players)
    assert odds[0]["a"].shape == (2, 4)
    back = games.strategies(odds)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), back, players)


def test_the_temperature_does_not_compile_again_and_can_be_differentiated():
    game = games.rock_paper_scissors(stakes=(1.0, 1.0, 3.0))
    solver = gs.mirror_prox(0.1, transforms.simplex_entropy())

    def reached(temperature):
        return gs.solve(games.quantal(game, temperature), solver, game.start, 2000).players[0][0]

    step = 1e-5
    difference = (reached(0.5 + step) - reached(0.5 - step)) / (2 * step)
    assert float(jax.grad(reached)(0.5)) == pytest.approx(float(difference), rel=1e-6)
    with pytest.raises(ValueError, match=r"temperature must be finite and at least 0.0, got -1.0"):
        games.quantal(game, -1.0)


@pytest.mark.parametrize("stakes", [(1.0, 1.0, 1.0), (3.0, 1.0, 3.0), (1.0, 1.0, 3.0), (2.0, 5.0, 0.5)])
def test_stakes_give_the_equilibrium(stakes):
    game = games.rock_paper_scissors(stakes)
    assert float(games.duality_gap(game, game.equilibria[0])) < 1e-14
    with pytest.raises(ValueError, match=r"stakes must be three numbers, .*, got \(1.0, 2.0\)"):
        games.rock_paper_scissors((1.0, 2.0))
    with pytest.raises(ValueError, match=r"stakes must be finite and above 0.0, got 0.0"):
        games.rock_paper_scissors((0.0, 1.0, 1.0))
