"""Games on networks, against closed forms and quadratic programs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games, registry
from gamesolve.compare import lanes

pytestmark = pytest.mark.usefixtures("x64")


def drawn(seed, number=8):
    """A random weighted graph that is not symmetric, and benefits."""
    rng = np.random.default_rng(seed)
    G = rng.random((number, number)) * (rng.random((number, number)) < 0.4)
    np.fill_diagonal(G, 0)
    return G, rng.random(number)


@pytest.mark.parametrize("seed", range(3))
def test_the_equilibrium_is_the_centrality(seed):
    G, b = drawn(seed)
    game = games.network(G, 0.2, b)
    expected = np.linalg.solve(np.eye(8) - 0.2 * G, b)
    np.testing.assert_allclose(np.array(game.equilibria[0]), expected, rtol=1e-12)
    np.testing.assert_allclose(np.array(game.field(game.equilibria[0])), 0, atol=1e-12)
    x = np.arange(8.0)
    np.testing.assert_allclose(np.array(game.field(tuple(jnp.asarray(x)))), b - x + 0.2 * G @ x, rtol=1e-12)
    payoff = b[2] * x[2] - x[2] ** 2 / 2 + 0.2 * x[2] * (G[2] @ x)
    assert float(game.evaluate(tuple(jnp.asarray(x)))[2]) == pytest.approx(payoff)


def test_a_gradient_step_of_one_is_a_best_response_and_contracts_as_bounded():
    G, b = drawn(0)
    game, strength = games.network(G, 0.2, b), 0.2
    once = gs.solve(game, gs.simgd(1.0), game.start, 1).players
    np.testing.assert_allclose(np.array(once), b)
    radius = max(abs(np.linalg.eigvals(strength * G)))
    bound = games.response_factor(G, strength)
    assert radius <= bound == pytest.approx(min(np.linalg.norm(0.2 * G, order) for order in (1, 2, np.inf)))
    assert float(gs.analysis.rate(game, gs.simgd(1.0), game.equilibria[0])) == pytest.approx(radius, rel=1e-6)
    assert float(gs.analysis.rate(game, gs.altgd(1.0), game.equilibria[0])) < radius


def test_several_efforts_per_player_are_independent():
    G, _ = drawn(1)
    b = np.random.default_rng(0).random((8, 3))
    game = games.network(G, 0.1, b)
    for column in range(3):
        alone = np.array(games.network(G, 0.1, b[:, column]).equilibria[0])
        np.testing.assert_allclose(np.stack(game.equilibria[0])[:, column], alone, rtol=1e-12)
    np.testing.assert_allclose(np.stack(game.field(game.equilibria[0])), 0, atol=1e-12)


def test_substitutes_that_cannot_be_negative_solve_a_quadratic_program():
    cvxpy = pytest.importorskip("cvxpy")
    G, b = drawn(2)
    G = G + G.T  # a potential exists
    strength = -0.9 / np.linalg.eigvalsh(G).max()
    game = games.network(G, strength, b)
    solver = gs.extragradient(0.4, projections=(optax.projections.projection_non_negative,) * 8)
    solution = gs.solve(game, solver, game.start, 5000, tol=1e-10)
    assert solution.status == gs.Status.CONVERGED
    x = cvxpy.Variable(8, nonneg=True)
    form = cvxpy.quad_form(x, cvxpy.psd_wrap(np.eye(8) - strength * G))
    cvxpy.Problem(cvxpy.Maximize(b @ x - form / 2)).solve(solver="CLARABEL")
    assert min(np.array(game.equilibria[0])) < -1e-3 < 1e-6 < sum(x.value < 1e-6)
    np.testing.assert_allclose(np.array(solution.players), x.value, atol=1e-6)


def test_games_on_one_graph_share_a_program_and_have_derivatives_in_the_strength():
    G, b = drawn(0)
    total = jax.jit(lambda strength: sum(games.network(G, strength, b).equilibria[0]))
    inverse = np.linalg.inv(np.eye(8) - 0.1 * G)
    assert float(jax.grad(total)(0.1)) == pytest.approx(np.ones(8) @ inverse @ G @ inverse @ b)
    first, second = games.network(G, 0.1, b), games.network(2 * G, 0.3, b)
    assert jax.tree.structure(first) == jax.tree.structure(second)


def test_the_field_costs_as_much_per_player_with_50_players_as_with_5():
    counted = {}
    for number in (5, 50):
        ring = np.roll(np.eye(number), 1, axis=0)
        game = games.network(ring + ring.T, 0.4, np.ones((number, 100)))
        counted[number] = lanes.flops(game, registry.SOLVERS["simgd"], game.start, None, {}) / number
    assert counted[50] == pytest.approx(counted[5], rel=0.01)


@pytest.mark.parametrize(
    ("graph", "strength", "benefits", "message"),
    [
        (np.eye(3), 0.1, 1.0, "zeros on its diagonal"),
        (np.ones((2, 3)), 0.1, 1.0, "square matrix"),
        (1 - np.eye(3), 0.5, 1.0, "singular"),
        (1 - np.eye(3), [0.5, 0.1], 1.0, "strength must be a number"),
        (1 - np.eye(3), 0.1, np.ones(2), "3 rows"),
    ],
)
def test_mistakes_are_named(graph, strength, benefits, message):
    with pytest.raises(ValueError, match=message):
        games.network(graph, strength, benefits)
