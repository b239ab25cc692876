"""The mean game of a noisy one, and what is said if it is too coarse or the draws do not suit the payoffs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.compare.noise import noise_of

START = (1.0, 1.0)
KEY = jax.random.key(0)


def noisy(x, y, e):
    return x**2 / 2 + x * y - y**2 / 2 + jnp.mean(e[:, 0]) * x + jnp.mean(e[:, 1]) * y


def sample(size, batch=1):
    return lambda key: size * jax.random.normal(key, (batch, 2))


def test_draws_are_added_until_the_mean_is_clear_of_its_own_error():
    # The field at the start is (-2, 0), and the mean of the first draws is several times longer.
    found = noise_of(gs.zero_sum(noisy), sample(20.0), KEY, START, 1e6, blur=0.05)
    assert found.weight == pytest.approx(2 * 20**2 / 4 / 0.05**2, rel=0.5)
    assert found.error == pytest.approx(20 * np.sqrt(2 / found.weight), rel=0.3)
    np.testing.assert_allclose(found.mean.field(START), (-2.0, 0.0), atol=4 * found.error)
    assert found.spent < 2 * found.weight


def test_few_draws_suffice_where_the_noise_is_small():
    found = noise_of(gs.zero_sum(noisy), sample(0.01), KEY, START, 1e6)
    assert found.weight == 16
    still = noise_of(gs.zero_sum(noisy), lambda _: jnp.ones((4, 2)), KEY, START, 1e6)
    assert (still.weight, still.error) == (16, 0)


def test_a_mean_that_is_too_coarse_for_the_floor_is_noted():
    settings = compare.Settings(steps=200, learning_rate=0.001)
    for size, coarse in ((100.0, True), (0.1, False)):
        problem = compare.prepare("game", gs.zero_sum(noisy), settings, START, sample=sample(size))
        notes = compare.measure(problem, registry.SOLVERS["simgd"], settings).row.notes
        assert ("the mean of 2048 draws, on which the floor is measured, is off by" in notes) is coarse


@pytest.mark.parametrize(
    "payoff",
    [
        lambda x, y, e: x * y + 0.1 * (e[0] * x + e[1] * y),
        lambda x, y, e: x * y + jnp.sum(e) * x,
        lambda x, y, e: x * y + e[0] * x - y**2,
    ],
)
def test_payoffs_that_are_not_means_over_draws_are_refused(payoff):
    draw = lambda key: jax.random.normal(key, (2,))
    with pytest.raises(
        ValueError, match=r"must be means over the first axis of what sample returns, got a field on 16"
    ):
        compare.prepare("game", gs.zero_sum(payoff), compare.Settings(), START, sample=draw)
    with pytest.raises(ValueError, match="must be means over the first axis"):
        gs.recommend(gs.zero_sum(payoff), START, sample=draw, key=KEY)


@pytest.mark.parametrize("bound", [False, True])
def test_draws_must_be_batches(bound):
    game = gs.zero_sum(lambda x, y, e: x * y + jnp.mean(e) * x)
    game = game.bind(jnp.ones(8)) if bound else game
    with pytest.raises(ValueError, match=r"first axis is the batch, got a scalar. Return an array of shape \(1,\)"):
        compare.prepare("game", game, compare.Settings(), START, sample=jax.random.normal)


def test_random_keys_are_drawn_in_batches():
    one = lambda key: jax.random.normal(key)
    game = gs.zero_sum(lambda x, y, keys: x * y + jnp.mean(jax.vmap(one)(keys)) * x)
    with pytest.raises(ValueError, match=r"got a single random key. Return jax.random.split\(key, 1\)"):
        compare.prepare("game", game, compare.Settings(), START, sample=lambda key: key)
    split = lambda key: jax.random.split(key, 2)
    assert compare.prepare("game", game, compare.Settings(), START, sample=split).noise.error > 0
    first = gs.zero_sum(lambda x, y, keys: x * y + one(keys[0]) * x)
    with pytest.raises(ValueError, match="must be means over the first axis"):
        compare.prepare("game", first, compare.Settings(), START, sample=split)
