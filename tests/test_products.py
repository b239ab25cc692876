import itertools

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import products

WEIGHTS = jax.random.normal(jax.random.key(7), (3, 3))


def zero_sum():
    return gs.zero_sum(lambda x, y: jnp.sum(jnp.sin(jnp.outer(x, y))) + jnp.sum(x**3) - jnp.sum(y**4)), (2, 3)


def general_sum():
    f = lambda x, y: jnp.sum(jnp.tanh(jnp.outer(x, y))) - x @ x
    g = lambda x, y: jnp.sum(jnp.cos(jnp.outer(x, y**2)))
    return gs.general_sum(f, g), (3, 2)


def three_players():
    payoff = lambda i: lambda *z: jnp.sin((i + 1) * z[0] @ z[1][:2]) * z[2][0] + (z[i] @ z[i]) * jnp.sum(z[(i + 1) % 3])
    return gs.general_sum(*map(payoff, range(3))), (2, 3, 1)


def from_losses():
    return gs.from_losses(
        lambda x, y, w: x @ w @ y**2, lambda x, y, w: x @ y + jnp.sum(y**4), constants=(WEIGHTS.astype(float),)
    ), (3, 3)


GAMES = [zero_sum, general_sum, three_players, from_losses]


def drawn(dims, seed):
    keys = jax.random.split(jax.random.key(seed), len(dims))
    return tuple(jax.random.normal(key, (dim,)) for key, dim in zip(keys, dims, strict=True))


def ravel(tree):
    return np.asarray(jax.flatten_util.ravel_pytree(tree)[0])


def differences(game, players):
    """Return J by central differences."""
    flat, unravel = jax.flatten_util.ravel_pytree(players)
    h = 1e-6
    points = flat + h * np.concatenate([np.eye(flat.size), -np.eye(flat.size)])
    fields = jax.jit(jax.vmap(lambda z: jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0]))(points)
    return np.asarray(fields[: flat.size] - fields[flat.size :]).T / (2 * h)


@pytest.mark.parametrize("make", GAMES)
def test_products_against_differences(make, x64):
    game, dims = make()
    players, t = drawn(dims, 0), drawn(dims, 1)
    J = differences(game, players)
    off = J.copy()
    edges = np.cumsum([0, *dims])
    slices = [slice(*pair) for pair in itertools.pairwise(edges)]
    for own in slices:
        off[own, own] = 0
    close = lambda actual, desired: np.testing.assert_allclose(actual, desired, rtol=1e-6, atol=1e-6)

    @jax.jit
    def multiply(players, t):
        responses = [products.response(game, players, player)(t) for player in range(len(dims))]
        makes = products.forward, products.transposed, products.off_diagonal
        return *(make(game, players)(t) for make in makes), responses

    forward, transposed, off_diagonal, responses = map(ravel, multiply(players, t))
    close(forward, J @ ravel(t))
    close(transposed, J.T @ ravel(t))
    close(off_diagonal, off @ ravel(t))
    close(responses, off @ ravel(t))
    assert not np.allclose(J @ ravel(t), J.T @ ravel(t), rtol=1e-2)
    assert not np.allclose(J @ ravel(t), off @ ravel(t), rtol=1e-2)


def test_a_player_does_not_respond_to_itself(x64):
    game, dims = general_sum()
    players, t = drawn(dims, 0), drawn(dims, 1)
    respond = jax.jit(lambda t: products.response(game, players, 1)(t))
    np.testing.assert_array_equal(respond(t), respond((t[0], None)))


def test_zero_sum_responses_are_antisymmetric(x64):
    game, dims = zero_sum()
    players, t = drawn(dims, 0), drawn(dims, 1)
    answer = jax.jit(lambda t: products.off_diagonal(game, players)(t))(t)
    np.testing.assert_allclose(ravel(t) @ ravel(answer), 0, atol=1e-12)


def test_a_product_is_linearised_once():
    calls = []

    def payoff(x, y):
        calls.append(1)
        return jnp.sum(x * y) ** 2

    game = gs.zero_sum(payoff)
    players = drawn((2, 2), 0)
    for make in (products.forward, products.transposed, products.off_diagonal):
        product = make(game, players)
        before = len(calls)
        product(players)
        product(players)
        assert len(calls) == before


def test_bound_data_and_odd_pytrees(x64):
    def payoff(x, y, scale, batch):
        return scale * jnp.mean(batch) * (x["w"][0] @ y[0] + x["b"] ** 2 * y[1]["c"])

    game = gs.zero_sum(payoff, constants=(2.0,)).bind(jnp.array([1.0, 2.0]))
    players = ({"w": (jnp.arange(3.0), None), "b": jnp.asarray(2.0)}, (jnp.ones(3), {"c": jnp.asarray(3.0)}, None))
    J = differences(game, players)
    for product, matrix in ((products.forward, J), (products.transposed, J.T)):
        answer = product(game, players)(players)
        assert jax.tree.structure(answer) == jax.tree.structure(players)
        np.testing.assert_allclose(ravel(answer), matrix @ ravel(players), rtol=1e-6, atol=1e-6)
    answer = products.off_diagonal(game, players)(players)
    assert jax.tree.structure(answer) == jax.tree.structure(players)


def test_products_keep_the_precision(x64):
    game, dims = zero_sum()
    players = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), drawn(dims, 0))
    for make in (products.forward, products.transposed, products.off_diagonal):
        answer = jax.eval_shape(lambda players, make=make: make(game, players)(players), players)
        assert {leaf.dtype for leaf in answer} == {jnp.dtype(jnp.float32)}
