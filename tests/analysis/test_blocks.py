"""Spectra of the blocks of J against dense blocks and Schur complements."""

import jax
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import registry

pytestmark = pytest.mark.usefixtures("x64")


def test_hessian_spectra_are_those_of_the_diagonal_blocks():
    game = registry.GAMES["three-players"].make()
    J = np.asarray(gs.analysis.jacobian(game, game.start))
    edges = [0, 3, 7, 12]
    for player, found in enumerate(gs.analysis.hessian_spectra(game, game.start)):
        own = slice(edges[player], edges[player + 1])
        np.testing.assert_allclose(found, np.linalg.eigvalsh(J[own, own])[::-1], atol=1e-12)


@pytest.mark.full
def test_both_ends_of_large_hessians_are_found_without_a_matrix():
    game = gs.games.random_quadratic(jax.random.key(1), (150, 10), zero_sum=False)
    everything = gs.analysis.hessian_spectra(game, game.start)
    first, second = gs.analysis.hessian_spectra(game, game.start, k=2)
    np.testing.assert_allclose(first, np.asarray(everything[0])[[0, 1, -2, -1]], rtol=1e-8)
    np.testing.assert_allclose(second, np.asarray(everything[1])[[0, 1, -2, -1]], rtol=1e-8)


def test_leaders_see_schur_complements_in_zero_sum_games():
    game = gs.games.random_quadratic(jax.random.key(2), (4, 3))
    J = np.asarray(gs.analysis.jacobian(game, game.start))
    x, y = slice(0, 4), slice(4, 7)
    at = tuple(map(np.asarray, game.equilibria[0]))
    for (mine, theirs), found in zip(((x, y), (y, x)), gs.analysis.stackelberg_spectrum(game, at), strict=True):
        schur = J[mine, mine] - J[mine, theirs] @ np.linalg.solve(J[theirs, theirs], J[theirs, mine])
        np.testing.assert_allclose(found.leader, np.linalg.eigvalsh((schur + schur.T) / 2)[::-1], atol=1e-10)
        np.testing.assert_allclose(found.followers.real, np.linalg.eigvalsh(J[theirs, theirs])[::-1], atol=1e-10)
        assert float(found.residual) < 1e-10
