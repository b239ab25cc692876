"""Slingshot steps: rates on quadratic games, Chebyshev sizes, and what is refused."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

SIZES = (0.3, 0.9, 1.3)


@pytest.mark.parametrize("h", SIZES)
def test_the_rate_on_a_bilinear_game(h):
    expected = np.sqrt(abs(1 - h**2))
    assert float(gs.analysis.rate(gs.games.curl(), gs.slingshot(h), (0.0, 0.0))) == pytest.approx(expected, rel=1e-5)
    reached = gs.solve(gs.games.curl(), gs.slingshot(h), (1.0, -0.5), 20).players
    np.testing.assert_allclose(reached, (1 - h**2) ** 10 * np.array([1.0, -0.5]), rtol=1e-4)


def test_the_rate_on_a_strongly_convex_concave_game(x64):
    random = np.random.default_rng(0)
    own, other, coupling = random.normal(size=(3, 3)), random.normal(size=(2, 2)), random.normal(size=(3, 2))
    own, other = own @ own.T + np.eye(3), other @ other.T + np.eye(2)
    eigenvalues = np.linalg.eigvalsh(np.block([[own, coupling], [coupling.T, -other]]))
    h = 1 / np.abs(eigenvalues).max()
    rate = gs.analysis.rate(gs.games.quadratic(own, coupling, other), gs.slingshot(h), (jnp.zeros(3), jnp.zeros(2)))
    assert float(rate) == pytest.approx(np.sqrt(np.abs(1 - (h * eigenvalues) ** 2).max()), rel=1e-8)


def test_chebyshev_sizes_accelerate(x64):
    m, M, n = 0.01, 1.0, 20  # the squared singular values
    game, start = gs.games.bilinear(np.diag(np.sqrt([m, 0.1, 0.4, M]))), (jnp.ones(4), jnp.ones(4))
    nodes = jnp.cos((2 * jnp.arange(n) + 1) * jnp.pi / (2 * n))
    sizes = 1 / jnp.sqrt((M + m) / 2 + (M - m) / 2 * nodes)
    left = optax.tree.norm(gs.solve(game, gs.slingshot(lambda count: sizes[count // 2]), start, 2 * n).players)
    plain = optax.tree.norm(gs.solve(game, gs.slingshot(1.0), start, 2 * n).players)
    # Chebyshev's polynomial of degree n between m and M is at most this, relative to its value at zero.
    bound = 1 / np.cosh(n * np.arccosh((M + m) / (M - m)))
    assert float(left) <= bound * float(optax.tree.norm(start)) * (1 + 1e-9)
    assert float(left) < float(plain) / 2


def test_the_steps_are_those_of_a_pair_of_schedules():
    game = gs.games.quadratic(np.eye(2), np.ones((2, 2)), 2 * np.eye(2))
    forwards, backwards = (lambda count: 0.1 * (1 - 2 * (count % 2))), (lambda count: -0.1 * (1 - 2 * (count % 2)))
    expected = gs.solve(game, gs.simgd((forwards, backwards)), game.start, 5).players
    reached = gs.solve(game, gs.slingshot(0.1), game.start, 5).players
    for a, b in zip(reached, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_other_numbers_of_players_are_refused():
    game = gs.general_sum(*[lambda *players: players[0] * players[1] * players[2]] * 3)
    with pytest.raises(ValueError, match=r"slingshot needs two players.*, got 3"):
        gs.step(game, gs.slingshot(0.1), (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match=r"slingshot needs the game and all players"):
        gs.step(gs.games.curl(), gs.per_player(gs.slingshot(0.1), gs.simgd(0.1)), (1.0, 1.0))
