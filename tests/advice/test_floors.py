"""Predicted noise floors that simulated runs contradict are left out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.advice import families, floors, model


def payoff(x, y):
    return x @ y + (x @ x - y @ y) / 4


def rare(key):
    """Return noise whose rare large part, once in 5000 draws, is missed by the draws of the prediction."""
    first, second = (jax.random.fold_in(key, number) for number in (3, 9))
    return jnp.where(jax.random.uniform(first, (1, 1)) < 2e-4, 30.0, 0.1) * jax.random.normal(second, (1, 2))


@pytest.mark.parametrize(("sample", "known"), [(rare, False), (lambda key: jax.random.normal(key, (1, 2)), True)])
def test_a_floor_that_runs_contradict_is_left_out(sample, known):
    game, zero, one = gs.zero_sum(payoff), (jnp.zeros(1), jnp.zeros(1)), (jnp.ones(1), jnp.ones(1))
    linear = model.linearised(game, one, zero, np.asarray(gs.analysis.jacobian(game, zero)), None)
    noisy = gs.zero_sum(lambda x, y, e: payoff(x, y) + jnp.mean(e, 0) @ jnp.concatenate([x, y]))
    pushed = floors.Pushed(linear, noisy, jax.tree_util.Partial(sample), 0)
    family = next(family for family in families.FREE if family.name == "simgd")
    assert (floors.predict(pushed, family, gs.simgd(0.2)) is not None) is known
    if not known:
        with pytest.warns(UserWarning, match="the predicted floor of simgd"):
            gs.analysis.noise_floor(noisy, gs.simgd(0.2), zero, sample, jax.random.key(1), draws=floors.DRAWS)
