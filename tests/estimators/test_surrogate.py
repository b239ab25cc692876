"""DiCE: derivatives of the surrogate, in the mean over all episodes, against those of the exact expectation."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

# Two rounds of two players with two actions each; the second round sees the first joint action. All 16 episodes.
EPISODES = np.array(list(itertools.product(range(4), repeat=2))).T
SIGNS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])[EPISODES]
SITUATIONS = np.stack([np.zeros(16, int), 1 + EPISODES[0]])
REWARDS = np.stack([np.array([-1.0, -3.0, 0.5, -2.0])[EPISODES[0]], np.array([0.3, 1.1, -0.7, 2.0])[EPISODES[1]]])
BASELINES = np.stack([np.full(16, 0.25), np.array([0.4, -0.2, 0.9, 0.1])[EPISODES[0]]])
START = np.array([[0.3, -0.5, 0.8, 0.1, -1.2], [-0.4, 0.6, 0.2, -0.9, 0.5]])


def log_chances(players):
    """Return the log-probability of the joint action of each round in every episode."""
    return sum(jax.nn.log_sigmoid(SIGNS[..., player] * players[player][SITUATIONS]) for player in (0, 1))


def exact(players):
    return jnp.sum(jnp.exp(jnp.sum(log_chances(players), 0)) * REWARDS.sum(0))


def surrogate(players, baselines=None):
    """Return the mean of the surrogates of all episodes, each with the chance that it is sampled."""
    chances = log_chances(players)
    drawn = jax.lax.stop_gradient(jnp.exp(jnp.sum(chances, 0)))
    return jnp.sum(drawn * gs.estimators.dice(chances, REWARDS, baselines))


@pytest.mark.parametrize("baselines", [None, BASELINES], ids=["plain", "baselines"])
def test_derivatives_of_all_orders_are_those_of_the_expectation(x64, baselines):
    directions = jnp.asarray(np.random.default_rng(0).normal(size=(4, *START.shape)))

    def along(function):
        """Return the value and its derivatives of orders 1 to 4, in changing directions of all players."""
        values = [function]
        for direction in directions:
            inner = values[-1]
            values.append(lambda z, inner=inner, d=direction: jax.jvp(inner, (z,), (d,))[1])
        return jnp.stack([value(START) for value in values])

    found = jax.jit(lambda: along(lambda z: surrogate(z, baselines)))()
    np.testing.assert_allclose(found, jax.jit(lambda: along(exact))(), rtol=1e-12)


def test_a_step_of_lola_from_surrogates_is_the_exact_one(x64):
    """LOLA differentiates the payoff after the other's step, which is itself a derivative."""
    game = gs.general_sum(lambda x, y: exact((x, y)), lambda x, y: -exact((x, y)))
    x, y = map(jnp.asarray, START)
    exactly = gs.step(game, gs.hola(1.0, alpha=0.5, order=1), (x, y))[0][0] - x

    def shaped(x):
        step = 0.5 * jax.grad(lambda y: -surrogate((x, y)))(y)
        return surrogate((x, y + step))

    np.testing.assert_allclose(jax.jit(jax.grad(shaped))(x), exactly, rtol=1e-10)


def test_the_value_is_the_return_of_each_episode(x64):
    rng = np.random.default_rng(1)
    chances, won = -jnp.asarray(rng.uniform(size=(3, 4))), jnp.asarray(rng.normal(size=(3, 4)))
    np.testing.assert_allclose(gs.estimators.dice(chances, won), won.sum(0), rtol=1e-15)
    np.testing.assert_allclose(gs.estimators.dice(chances, won, won), won.sum(0), rtol=1e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((jnp.zeros(3), jnp.zeros((3, 1))), r"rewards must have the shape of log_probabilities, \(3,\)"),
        ((jnp.zeros(3), jnp.zeros(3), jnp.zeros(())), "baselines must have the shape"),
        ((jnp.zeros(()), jnp.zeros(())), "log_probabilities must have a leading axis"),
    ],
)
def test_mistakes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        gs.estimators.dice(*arguments)
