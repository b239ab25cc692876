import functools
import math

import chex
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gamesolve as gs
from gamesolve import games, registry

ONE = jnp.ones((1, 1))


def ravel(tree):
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


@pytest.mark.parametrize("name", registry.GAMES)
def test_equilibria_are_zeros_of_the_field(name, x64):
    game = registry.GAMES[name].make()
    assert game.equilibria
    for equilibrium in (*game.equilibria, game.start):
        chex.assert_trees_all_equal_shapes_and_dtypes(equilibrium, game.start)
        assert {leaf.dtype for leaf in jax.tree.leaves(equilibrium)} == {jnp.dtype(jnp.float64)}
    for equilibrium in game.equilibria:
        np.testing.assert_allclose(ravel(game.field(equilibrium)), 0, atol=1e-12)
    assert np.linalg.norm(ravel(game.field(game.start))) > 1e-3
    again = registry.GAMES[name].make()
    assert jax.tree.structure(again) == jax.tree.structure(game)
    chex.assert_trees_all_equal(again, game)


def drawn(rng, *shape):
    return rng.normal(size=shape)


def symmetric(rng, size):
    matrix = drawn(rng, size, size)
    return matrix + matrix.T


@pytest.mark.parametrize("general", [False, True])
def test_quadratic(general, x64):
    rng = np.random.default_rng(0)
    A, B, C, a, c = symmetric(rng, 3), drawn(rng, 3, 2), symmetric(rng, 2), drawn(rng, 3), drawn(rng, 2)
    D = drawn(rng, 2, 3) if general else -B.T
    game = games.quadratic(A, B, C, D if general else None, a, c)
    assert game.is_zero_sum != general
    x, y = drawn(rng, 3), drawn(rng, 2)
    v = game.field((x, y))
    np.testing.assert_allclose(v[0], -(A @ x + B @ y + a), rtol=1e-12)
    np.testing.assert_allclose(v[1], -(C @ y + D @ x + c), rtol=1e-12)
    np.testing.assert_allclose(gs.analysis.jacobian(game, (x, y)), -np.block([[A, B], [D, C]]), rtol=1e-12)
    np.testing.assert_allclose(ravel(game.field(game.equilibria[0])), 0, atol=1e-12)
    chex.assert_trees_all_close(game.start, jax.tree.map(lambda leaf: leaf + 1, game.equilibria[0]))
    payoffs = game.evaluate((x, y))
    loss = x @ A @ x / 2 + x @ B @ y + a @ x
    if general:
        np.testing.assert_allclose(payoffs, [-loss, -(y @ C @ y / 2 + y @ D @ x + c @ y)], rtol=1e-12)
    else:
        value = loss - y @ C @ y / 2 - c @ y
        np.testing.assert_allclose(payoffs, [-value, value], rtol=1e-12)


def test_singular_quadratics_have_a_least_norm_equilibrium(x64):
    game = games.quadratic(jnp.zeros((2, 2)), jnp.array([[1.0], [0.0]]), jnp.zeros((1, 1)), a=jnp.array([2.0, 0.0]))
    np.testing.assert_allclose(ravel(game.equilibria), [0.0, 0.0, -2.0], atol=1e-12)


def test_polymatrix(x64):
    rng = np.random.default_rng(1)
    dims = (2, 1, 3)
    H = [[symmetric(rng, n) if i == j else drawn(rng, n, m) for j, m in enumerate(dims)] for i, n in enumerate(dims)]
    b = tuple(drawn(rng, n) for n in dims)
    game = games.polymatrix(tuple(map(tuple, H)), b)
    z = drawn(rng, 6)
    players = tuple(np.split(z, [2, 3]))
    np.testing.assert_allclose(ravel(game.field(players)), -(np.block(H) @ z + np.concatenate(b)), rtol=1e-12)
    np.testing.assert_allclose(ravel(game.equilibria), -np.linalg.solve(np.block(H), np.concatenate(b)), rtol=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: games.bilinear(jnp.ones(3)), r"matrix must have two dimensions, .* got shape \(3,\)"),
        (lambda: games.bilinear(jnp.ones((2, 2, 2))), r"got shape \(2, 2, 2\)"),
        (
            lambda: games.quadratic(jnp.eye(2), jnp.ones((2, 3)), jnp.eye(2)),
            r"A, B, C must have shapes \(n, n\), \(n, m\), \(m, m\)",
        ),
        (lambda: games.quadratic(ONE, ONE, ONE, jnp.ones((1, 2))), r"D must have shape \(1, 1\), got \(1, 2\)"),
        (lambda: games.quadratic(ONE, ONE, ONE, a=jnp.ones(2)), r"a must have shape \(1,\), got \(2,\)"),
        (lambda: games.quadratic(ONE, ONE, ONE, c=jnp.ones(2)), r"c must have shape \(1,\), got \(2,\)"),
        (lambda: games.polymatrix(((ONE,), (ONE, ONE))), r"blocks must have 2 entries in each row, got \[1, 2\]"),
        (
            lambda: games.polymatrix(((ONE, jnp.ones((1, 2))), (ONE, ONE))),
            r"blocks\[0\]\[1\] must have shape \(1, 1\), got \(1, 2\)",
        ),
        (
            lambda: games.polymatrix(((ONE, ONE), (ONE, ONE)), (jnp.ones(1),)),
            "linear must have one entry for each of the 2 players, got 1",
        ),
        (
            lambda: games.polymatrix(((ONE, ONE), (ONE, ONE)), (jnp.ones(1), jnp.ones(2))),
            r"linear\[1\] must have shape \(1,\), got \(2,\)",
        ),
        (lambda: games.random_quadratic(jax.random.key(0), (3,)), r"dims must give two or more players .* got \(3,\)"),
        (lambda: games.random_quadratic(jax.random.key(0), (3, 0)), r"got \(3, 0\)"),
        (lambda: games.random_quadratic(jax.random.key(0), condition=0.5), "condition must be at least 1, got 0.5"),
        (lambda: games.random_quadratic(jax.random.key(0), rotation=1.5), "rotation must lie .* got 1.5"),
        (lambda: games.random_quadratic(jax.random.key(0), rotation=-0.5), "rotation must lie .* got -0.5"),
    ],
)
def test_wrong_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_bilinear():
    matrix = np.arange(6).reshape(2, 3)
    game = games.bilinear(matrix)
    assert game.is_zero_sum
    assert [player.shape for player in game.start] == [(2,), (3,)]
    x, y = np.float32([1, 2]), np.float32([3, 4, 5])
    chex.assert_trees_all_close(game.field((x, y)), (-matrix @ y, matrix.T @ x), rtol=1e-6)
    assert jax.tree.structure(games.bilinear(matrix)) == jax.tree.structure(games.bilinear(2.0 * matrix))
    scalar = games.bilinear(2)
    assert [float(entry) for entry in scalar.field((1.0, 3.0))] == [-6.0, 2.0]
    factors = jnp.array([1.0, 2.0])
    assert jax.vmap(lambda factor: games.bilinear(factor).field((1.0, 3.0))[0])(factors).tolist() == [-3.0, -6.0]


def test_small_games():
    assert [float(entry) for entry in games.curl().field((2.0, 3.0))] == [-3.0, 2.0]
    assert [float(entry) for entry in games.icr_quadratic().field((1.0, 2.0))] == [-22.0, 14.0]
    chex.assert_trees_all_close(games.rotation(3).constants[0], jnp.eye(3))


def test_cosine(x64):
    game = games.cosine()
    for theta, phi in np.random.default_rng(0).uniform(-7, 7, size=(5, 2)):
        np.testing.assert_allclose(game.field((theta, phi)), [np.cos(phi), np.sin(theta)], atol=1e-12)
    spectra = [np.sort_complex(gs.analysis.eigenvalues(game, zero)) for zero in game.equilibria]
    np.testing.assert_allclose(spectra, [[-1j, 1j], [-1j, 1j], [-1, 1], [-1, 1]], atol=1e-12)
    distances = {round(math.dist(first, second), 6) for first in game.equilibria for second in game.equilibria}
    assert min(distances - {0.0}) > 1.0


@functools.partial(jax.jit, static_argnames=("dims", "monotone", "zero_sum"))
def random_game(key, condition, rotation, **settings):
    """Draw a game inside a program: the same as outside, and faster."""
    return games.random_quadratic(key, condition=condition, rotation=rotation, **settings)


@pytest.mark.parametrize(
    ("dims", "monotone", "zero_sum"),
    [((4, 3), True, True), ((1, 1), False, False), ((2, 3, 1), True, True), ((2, 3), False, False)],
)
@settings(max_examples=4)
@given(st.integers(0, 2**16), st.sampled_from([1.0, 10.0, 1e3]), st.sampled_from([0.0, 0.3, 1.0]))
def test_random_spectra(dims, monotone, zero_sum, seed, condition, rotation):
    with jax.enable_x64(True):
        flags = {"monotone": monotone, "zero_sum": zero_sum}
        game = random_game(jax.random.key(seed), condition, rotation, dims=dims, **flags)
        J = np.asarray(gs.analysis.jacobian(game, game.start))
        assert (game.is_zero_sum and zero_sum) == (len(dims) == 2 and zero_sum)
    edges = np.cumsum([0, *dims])
    block = lambda i, j: J[edges[i] : edges[i + 1], edges[j] : edges[j + 1]]
    close = lambda actual, desired: np.testing.assert_allclose(actual, desired, rtol=1e-9, atol=1e-12)
    for i, size in enumerate(dims):
        values = np.sort(np.linalg.eigvalsh(-block(i, i)))
        close(block(i, i), block(i, i).T)
        expected = (1 - rotation) * (np.geomspace(1 / condition, 1, size) if size > 1 else np.ones(1))
        expected[0] *= 1 if monotone else -1
        close(values, np.sort(expected))
        for j in range(len(dims)):
            if i != j:
                rank = min(size, dims[j])
                spread = np.geomspace(1 / condition, 1, rank) if rank > 1 else np.ones(1)
                close(np.sort(np.linalg.svd(block(i, j), compute_uv=False)), rotation * spread)
                if zero_sum:
                    close(block(i, j), -block(j, i).T)
    if zero_sum and monotone:
        assert np.linalg.eigvalsh(J + J.T).max() < 1e-12


def test_general_sum_couplings_are_drawn_apart():
    game = random_game(jax.random.key(0), 2.0, 0.5, dims=(3, 3), zero_sum=False)
    blocks = game.constants[0]
    assert not np.allclose(blocks[0][1], -blocks[1][0].T, atol=0.1)
    assert not np.allclose(blocks[0][1], blocks[1][0].T, atol=0.1)
    assert not game.is_zero_sum


def test_random_games_share_a_program_and_differ():
    make = jax.jit(lambda key: games.random_quadratic(key, (3, 2), condition=2.0))
    stack = jax.vmap(make)(jnp.stack([jax.random.key(seed) for seed in (0, 1, 0)]))
    ends = jax.vmap(lambda game: gs.solve(game, gs.cgd(0.5), game.start, 200).players)(stack)
    assert ends[0].shape == (3, 3)
    np.testing.assert_allclose(ravel(ends), 0, atol=1e-6)
    for leaf in jax.tree.leaves((stack.constants[0], stack.start)):
        assert not np.allclose(leaf[0], leaf[1])
        np.testing.assert_array_equal(leaf[0], leaf[2])
