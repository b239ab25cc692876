"""Densities and shares of the two parts of J against the dense matrices."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import registry

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.full
def test_densities_have_the_moments_of_both_parts():
    game = gs.games.random_quadratic(jax.random.key(1), (15, 25), zero_sum=False)
    S, A = map(np.asarray, gs.analysis.decompose(game, game.start))
    parts = gs.analysis.spectral_density(game, game.start, jax.random.key(0), num_steps=20, num_probes=40)
    for density, exact in zip(parts, (np.linalg.eigvalsh(S), np.linalg.eigvals(A).imag), strict=True):
        np.testing.assert_allclose(density.weights.sum(axis=1), 1, rtol=1e-12)
        np.testing.assert_allclose([density.nodes.min(), density.nodes.max()], [exact.min(), exact.max()], rtol=1e-2)
        spread = np.sqrt(np.mean(exact**2))
        for power in (1, 2, 3, 4):
            moment = float(jnp.mean(jnp.sum(density.weights * (density.nodes / spread) ** power, axis=1)))
            assert moment == pytest.approx(np.mean((exact / spread) ** power), abs=0.3)


def test_all_steps_give_all_eigenvalues_also_of_a_tiny_game():
    potential, rotating = gs.analysis.spectral_density(
        gs.games.icr_quadratic(), (0.0, 0.0), jax.random.key(0), num_probes=2
    )
    np.testing.assert_allclose(potential.nodes, [[-2, 2], [-2, 2]], atol=1e-12)
    np.testing.assert_allclose(rotating.nodes, [[-10, 10], [-10, 10]], atol=1e-12)
    np.testing.assert_allclose(rotating.weights, 0.5, atol=1e-12)
    grid = jnp.linspace(-20, 20, 4001)
    drawn = rotating.on(grid, 0.3)
    assert float(jnp.sum(drawn) * (grid[1] - grid[0])) == pytest.approx(1, abs=1e-6)
    assert abs(float(grid[jnp.argmax(drawn)])) == pytest.approx(10, abs=0.02)


@pytest.mark.full
def test_the_split_without_a_matrix_agrees_with_the_matrices():
    game = registry.GAMES["three-players"].make()
    flat, unravel = jax.flatten_util.ravel_pytree(game.start)
    t = np.linspace(-1, 1, flat.size)
    parts = jax.jit(lambda t: gs.analysis.split_jacobian(game, game.start)(t))(unravel(jnp.asarray(t)))
    for part, matrix in zip(parts, gs.analysis.decompose(game, game.start), strict=True):
        assert jax.tree.structure(part) == jax.tree.structure(game.start)
        np.testing.assert_allclose(jax.flatten_util.ravel_pytree(part)[0], matrix @ t, atol=1e-12)


def test_shares_of_the_rotation():
    share = gs.analysis.hamiltonian_share
    assert float(share(gs.games.rotation(5), gs.games.rotation(5).start)) == 1
    potential = gs.general_sum(lambda x, y: -x * y - x**2, lambda x, y: -x * y - y**2)
    assert float(share(potential, (0.3, 0.1))) == 0
    game = registry.GAMES["three-players"].make()
    S, A = gs.analysis.decompose(game, game.start)
    exact = float(jnp.sum(A**2) / jnp.sum(S**2 + A**2))
    assert float(share(game, game.start)) == pytest.approx(exact, rel=1e-12)
    assert float(share(game, game.start, jax.random.key(0), 400)) == pytest.approx(exact, abs=0.05)
    with pytest.raises(ValueError, match="Pass key="):
        share(game, game.start, num_probes=4)
