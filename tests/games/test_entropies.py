"""Quantal response equilibria: the logit answers are the definition, a root finder the independent solver."""

import dataclasses

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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_field_is_finite_on_the_boundary(dtype):
    """The entropy is continued by its tangent below the smallest positive number, where its slope is largest."""
    game = games.quantal(games.matrix_game(jnp.zeros((2, 2), dtype)), 1.0)
    tiny = float(jnp.finfo(dtype).tiny)
    vertex, other = jnp.array([0.0, 1.0], dtype), jnp.array([0.25, 0.75], dtype)
    slopes = game.field((vertex, other))
    np.testing.assert_allclose(slopes[0], [-np.log(tiny) - 1, -1], rtol=1e-6)
    np.testing.assert_allclose(slopes[1], -np.log([0.25, 0.75]) - 1, rtol=1e-6)
    assert [float(value) for value in game.evaluate((vertex, vertex))] == pytest.approx([0, 0], abs=1e-30)


def test_projected_steps_leave_a_vertex():
    game = games.rock_paper_scissors((1.0, 1.0, 3.0))
    solver = gs.extragradient(0.005, projections=games.simplices(2))
    start = (jnp.array([1.0, 0.0, 0.0]), game.start[1])
    solution = gs.solve(games.quantal(game, 0.2), solver, start, 20000)
    assert distance_to_answers(game, solution.players, 0.2) < 1e-6


def test_a_probability_of_zero_has_no_log_odds():
    vertex = (jnp.array([1.0, 0.0]), jnp.array([0.5, 0.5]))
    with pytest.raises(ValueError, match=r"players must be positive probabilities, got 0\.0 among them"):
        games.log_odds(vertex)
    game = gs.general_sum(lambda x, y: x @ y, lambda x, y: x @ y)
    with pytest.raises(ValueError, match=r"the start of the game must be positive probabilities, got 0\.0"):
        games.in_log_odds(dataclasses.replace(game, start=vertex))
    for function in (games.strategies, games.log_odds):
        with pytest.raises(ValueError, match=r"players must be arrays of .* along the last axis, got one number"):
            function((0.0,))


def test_the_temperature_is_one_number():
    with pytest.raises(ValueError, match=r"temperature must be one number, got an array of shape \(2,\)"):
        games.quantal(games.matching_pennies(), jnp.ones(2))
