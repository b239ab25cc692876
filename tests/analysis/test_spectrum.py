"""The Jacobian of games and its spectrum: against finite differences, closed forms and the dense matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import registry
from gamesolve.analysis import operators

pytestmark = pytest.mark.usefixtures("x64")


def smooth(x, y):
    return jnp.sum(jnp.tanh(x["a"][0] @ y)) + x["b"] ** 3 * y[0] + jnp.sum(y**2 * jnp.sin(x["a"][1]))


ODD = ({"a": (np.array([0.3, -0.2]), 0.7), "b": 0.4, "none": None}, np.array([0.5, -1.0]))


def general(size=200):
    game = gs.games.random_quadratic(jax.random.key(3), (size, size), zero_sum=False)
    return game, np.asarray(gs.analysis.jacobian(game, game.start))


def test_jacobian_equals_finite_differences_on_odd_pytrees():
    game = gs.general_sum(smooth, lambda x, y: smooth(x, y) ** 2)
    flat, unravel = jax.flatten_util.ravel_pytree(ODD)
    field = jax.jit(lambda z: jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0])
    columns = [(field(flat + h) - field(flat - h)) / 2e-6 for h in 1e-6 * np.eye(flat.size)]
    J = gs.analysis.jacobian(game, ODD)
    np.testing.assert_allclose(J, np.stack(columns, axis=1), atol=1e-8)
    assert not np.allclose(J, J.T, atol=0.1)  # otherwise the test could not distinguish J from its transpose


def test_jacobian_of_three_players_is_minus_the_blocks():
    game = registry.GAMES["three-players"].make()
    blocks = np.block([list(row) for row in game.constants[0]])
    np.testing.assert_allclose(gs.analysis.jacobian(game, game.start), -blocks, atol=1e-12)


def test_decompose_splits_and_eigenvalues_are_sorted():
    game = registry.GAMES["general-sum"].make()
    J = gs.analysis.jacobian(game, game.start)
    S, A = gs.analysis.decompose(game, game.start)
    np.testing.assert_allclose(S + A, J)
    np.testing.assert_array_equal(S, S.T)
    np.testing.assert_array_equal(A, -A.T)
    values = np.asarray(gs.analysis.eigenvalues(game, game.start))
    np.testing.assert_allclose(np.sort_complex(values), np.sort_complex(np.linalg.eigvals(J)), atol=1e-10)
    assert np.all(np.diff(values.real) <= 1e-12)


def test_spectrum_of_the_cosine_game():
    game = gs.games.cosine()
    for zero, expected in zip(game.equilibria, ([1j, -1j], [1j, -1j], [1, -1], [1, -1]), strict=True):
        np.testing.assert_allclose(gs.analysis.eigenvalues(game, zero), expected, atol=1e-12)


def test_a_matrix_that_is_too_large_is_refused():
    wide = (jnp.zeros(20_000), jnp.zeros(1))
    game = gs.zero_sum(lambda x, y: jnp.sum(x) * y[0])
    rate = lambda game, players: gs.analysis.rate(game, gs.ogda(0.1), players)
    analysis = gs.analysis
    for ask in (analysis.jacobian, analysis.eigenvalues, analysis.eigenvectors, analysis.hessian_spectra, rate):
        with pytest.raises(ValueError, match=r"takes 3 GiB, .* Pass k= .* without a matrix"):
            ask(game, wide)
    # f = (1' x) y has the eigenvalues +-i sqrt(20000) and zeros; the matrix-free method finds these two.
    values = gs.analysis.eigenvalues(game, wide, k=2, which="LI")
    np.testing.assert_allclose(values.imag, [np.sqrt(2e4), -np.sqrt(2e4)], rtol=1e-10)


def test_jacobian_under_vmap_equals_one_by_one():
    game = gs.games.cosine()
    points = (jnp.linspace(-1, 1, 4), jnp.linspace(0, 2, 4))
    together = jax.vmap(lambda *z: gs.analysis.jacobian(game, z))(*points)
    for i in range(4):
        np.testing.assert_allclose(together[i], gs.analysis.jacobian(game, (points[0][i], points[1][i])))


def test_leading_eigenvalues_of_four_hundred_parameters_are_those_of_the_matrix():
    game, J = general()
    values = np.linalg.eigvals(J)
    keys = {"LM": abs(values), "LR": values.real, "SR": -values.real, "LI": abs(values.imag)}
    for which in ("LM", "LR", "SR", "LI", ("LR", "LI", "SR")):
        found = gs.analysis.leading(game, game.start, 4, which)
        ends = (which,) if isinstance(which, str) else which
        expected = np.concatenate([values[np.lexsort((-values.imag, -keys[end]))[:4]] for end in ends])
        np.testing.assert_allclose(found.eigenvalues, expected, rtol=1e-9)
        assert bool(found.converged.all())
        flat = np.concatenate([np.asarray(player) for player in found.vectors], axis=1)
        true = np.linalg.norm(flat @ J.T - np.asarray(found.eigenvalues)[:, None] * flat, axis=1)
        np.testing.assert_allclose(np.linalg.norm(flat, axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose(found.residuals, true, atol=1e-12)


def test_vectors_are_those_of_the_jacobian_and_not_of_its_transpose():
    """Both have the same spectrum, but different vectors."""
    game, J = general()
    for found in (gs.analysis.leading(game, game.start, 1, "LR"), gs.analysis.eigenvectors(game, game.start)):
        value = np.asarray(found.eigenvalues)[0]
        vector = np.concatenate([np.asarray(player)[0] for player in found.vectors])
        assert np.linalg.norm(J @ vector - value * vector) < 1e-8
        assert np.linalg.norm(J.T @ vector - value * vector) > 0.1


@pytest.mark.parametrize("factors", [2000, pytest.param(10, marks=pytest.mark.full)])
def test_eigenvalues_near_a_number_by_factors_and_by_inner_solves(factors, monkeypatch):
    monkeypatch.setattr(operators, "LARGEST_FACTORS", factors)
    game, J = general(70)
    values = np.linalg.eigvals(J)
    near = -0.3 + 0.4j
    found = gs.analysis.leading(game, game.start, 3, near=near)
    assert bool(found.converged.all())
    np.testing.assert_allclose(found.eigenvalues, values[np.argsort(abs(values - near))[:3]], rtol=1e-8)


def test_nearest_to_a_real_number():
    game, J = general(70)
    values = np.linalg.eigvals(J)
    found = gs.analysis.leading(game, game.start, 1, near=0.0)
    np.testing.assert_allclose(abs(found.eigenvalues), [abs(values).min()], rtol=1e-8)


def test_an_inner_solve_that_fails_shows_in_the_flags(monkeypatch):
    monkeypatch.setattr(operators, "LARGEST_FACTORS", 10)
    monkeypatch.setattr(operators, "INNER_SPACE", 3)
    game, _ = general(70)
    found = gs.analysis.leading(game, game.start, 1, near=0.0)
    assert not bool(found.converged.any())
    assert float(found.residuals[0]) > 1e-6


def test_vectors_have_the_shape_of_the_players():
    game = gs.general_sum(smooth, lambda x, y: smooth(x, y) ** 2)
    found = gs.analysis.leading(game, ODD, 2)
    assert jax.tree.map(jnp.shape, found.vectors) == ({"a": ((2, 2), (2,)), "b": (2,), "none": None}, (2, 2))
    everything = gs.analysis.eigenvectors(game, ODD)
    np.testing.assert_allclose(found.eigenvalues[0], max(np.asarray(everything.eigenvalues), key=abs), rtol=1e-10)
    assert np.all(np.asarray(everything.residuals) < 1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be from 1 to 400, the number of parameters, got 0"),
        ({"k": 401}, "k must be from 1 to 400, the number of parameters, got 401"),
        ({"which": "largest"}, r"which must be an end of the spectrum \(LM, LR, SR, LI\)"),
        ({"which": "LR", "near": 0.0}, "which must be 'LM' with near=0.0, got 'LR'"),
    ],
)
def test_wrong_requests_are_named(arguments, message):
    game = gs.games.rotation(200)
    with pytest.raises(ValueError, match=message):
        gs.analysis.leading(game, game.start, **arguments)


def test_leading_eigenvalues_are_not_traced():
    game = gs.games.rotation(200)
    with pytest.raises(ValueError, match="outside jit, vmap and grad"):
        jax.jit(lambda z: gs.analysis.leading(game, z).eigenvalues)(game.start)
