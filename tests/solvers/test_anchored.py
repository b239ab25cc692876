"""Rates of the anchored methods, against their theorems."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import analysis

LARGEST = 1 / (2 * 3**0.5)  # step sizes of anchored_optimism stay below, in units of 1 / R


def squared_fields(solver, steps, game=None):
    """Return ``||v_k||^2`` for each step k from one on, for a start at distance sqrt(2)."""
    game = game or gs.games.curl()
    record = lambda players, _: optax.tree.norm(game.field(players), squared=True)
    return np.asarray(gs.solve(game, solver, (1.0, 1.0), steps, record=record).trace)


def slope(values, first):
    counts = np.arange(1, len(values) + 1)
    return np.polyfit(np.log(counts[first:]), np.log(values[first:]), 1)[0]


def test_anchored_optimism_converges_at_the_optimal_rate():
    squares = squared_fields(gs.anchored_optimism(0.9 * LARGEST), 2000)
    assert slope(squares, 100) == pytest.approx(-2, abs=0.05)
    assert np.all(squares <= 264 * 2 / (np.arange(1, 2001) + 6) ** 2)


@pytest.mark.parametrize("n", [1, pytest.param(5, marks=pytest.mark.full)])
def test_no_monotone_game_breaks_the_theorem_of_anchored_optimism(n):
    for share in (0.9, 0.99):
        result = analysis.worst_case_residual(gs.anchored_optimism(share * LARGEST), n, L=1.0, measure="field")
        assert result.bound <= 264 / (n + 6) ** 2


def test_anchored_gda_converges_as_one_over_the_number_of_steps():
    squares = squared_fields(gs.anchored_gda(1.0), 5000)
    assert slope(squares, 500) == pytest.approx(-1, abs=0.01)


def test_the_original_anchored_gda_converges_at_its_slower_rate():
    p = 0.6
    squares = squared_fields(gs.anchored_gda(1 - p, pull=2 * (1 - p), power=p, shift=1.0), 20000)
    assert slope(squares, 2000) == pytest.approx(-(2 - 2 * p), abs=0.02)


@pytest.mark.parametrize(
    "make", [lambda N: gs.fast_extragradient(1.0), lambda N: gs.dual_anchored_extragradient(1.0, N)]
)
def test_the_bound_of_both_fast_methods_is_attained_on_a_bilinear_game(make):
    for steps in (2, 10, 50):
        assert squared_fields(make(steps), steps)[-1] / 2 == pytest.approx(4 / steps**2, rel=1e-3)


def test_the_fast_method_keeps_its_bound_in_every_step():
    squares, counts = squared_fields(gs.fast_extragradient(0.9), 1000), np.arange(1, 1001)
    assert np.all(squares / 2 <= 4 / (0.9 * counts) ** 2)
    assert slope(squares, 100) == pytest.approx(-2, abs=0.05)


@pytest.mark.parametrize("n", [1, pytest.param(4, marks=pytest.mark.full)])
def test_no_monotone_game_breaks_the_theorem_of_the_fast_methods(n):
    for solver in (gs.fast_extragradient(0.9), gs.dual_anchored_extragradient(0.9, n)):
        result = analysis.worst_case_residual(solver, n, L=1.0, measure="field")
        assert result.bound <= 4 / (0.9 * n) ** 2 * (1 + 1e-5)


def test_the_dual_method_ends_where_the_primal_one_does_on_linear_games(x64):
    """The weights of the fields in all moves, read from the end, are those of the primal method: H-duality.

    On linear games both ends are the same polynomial of the Jacobian.
    """
    random = np.random.default_rng(0)
    own, other, coupling = (jnp.asarray(random.normal(size=(3, 3))) for _ in range(3))
    game = gs.games.quadratic(own @ own.T, coupling, other @ other.T)
    for steps in (1, 2, 5):
        primal = gs.solve(game, gs.fast_extragradient((0.1, 0.2)), game.start, steps).players
        dual = gs.solve(game, gs.dual_anchored_extragradient((0.1, 0.2), steps), game.start, steps).players
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), primal, dual)


def test_the_dual_method_begins_again_after_its_period():
    game, start = gs.games.rotation(3), (jnp.ones(3), -jnp.ones(3))
    solver = gs.dual_anchored_extragradient(0.5, period=4)
    once = gs.solve(game, solver, start, 4).players
    again = gs.solve(game, solver, once, 4).players
    jax.tree.map(np.testing.assert_array_equal, gs.solve(game, solver, start, 8).players, again)


def test_anchors_stay_at_the_first_players_of_a_resumed_run():
    game = gs.games.curl()
    for solver in (gs.anchored_optimism(0.2), gs.anchored_gda(0.5)):
        half = gs.solve(game, solver, (1.0, 1.0), 10)
        rest = gs.solve(game, solver, half.players, 10, state=half.state, start=half.steps)
        whole = gs.solve(game, solver, (1.0, 1.0), 20)
        np.testing.assert_allclose(rest.players, whole.players, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gs.anchored_gda(0.1, power=1.5), "power must be finite and at least 0.0 and at most 1.0, got 1.5"),
        (lambda: gs.anchored_gda(0.1, shift=0.0), "shift must be finite and above 0.0, got 0.0"),
        (lambda: gs.anchored_gda(0.1, pull=-1.0), "pull must be finite and at least 0.0, got -1.0"),
        (lambda: gs.dual_anchored_extragradient(0.1, 0), "period must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
