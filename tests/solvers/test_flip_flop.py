"""Flip-flop anchored extragradient on finite sums."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

SIGNS = jnp.array([1.0, -1.0, 1.0, -1.0])


def bilinear_sum(curvature=2.0):
    """Return a game whose mean is ``x y`` and whose examples add ``+- curvature (x^2 + y^2) / 2``."""
    payoff = lambda x, y, s: x * y + jnp.mean(s) * curvature * (x**2 + y**2) / 2
    return gs.zero_sum(payoff).bind(SIGNS)


def test_it_converges_where_reshuffled_extragradient_diverges():
    game, start, epochs = bilinear_sum(), (1.0, 1.0), 600
    sample = gs.sampling.epochs(SIGNS, batch_size=1)
    steps = 2 * len(SIGNS) * epochs
    shuffled = gs.solve(game, gs.extragradient(0.05), start, steps, sample=sample, key=jax.random.key(0)).players
    reached = gs.solve(game, gs.flip_flop_extragradient(0.05), start, epochs).players
    assert float(optax.tree.norm(shuffled)) > 1e6
    assert float(optax.tree.norm(reached)) < 1e-3


def test_an_epoch_is_an_extragradient_step_up_to_third_order(x64):
    game = bilinear_sum()
    n, errors = len(SIGNS), []
    for eta in (0.02, 0.01, 0.005):
        epoch, _ = gs.step(game, gs.flip_flop_extragradient(eta), (1.0, 0.5))
        whole, _ = gs.step(game, gs.extragradient(n * eta), (1.0, 0.5))
        errors.append(float(optax.tree.norm(optax.tree.sub(epoch, whole))))
    ratios = np.array(errors[:-1]) / errors[1:]
    np.testing.assert_allclose(ratios, 8, rtol=0.15)


def test_decreasing_steps_reach_the_equilibrium_of_different_examples(x64):
    rows = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    game = gs.zero_sum(lambda x, y, r: jnp.mean((1 + r[:, 0]) * x * y + r[:, 1] * x + r[:, 2] * y)).bind(rows)
    a, b, c = (1 + rows[:, 0]).mean(), rows[:, 1].mean(), rows[:, 2].mean()
    equilibrium = np.array([-c / a, -b / a])
    left = {}
    for name, rate in {"constant": 0.1, "decreasing": lambda epoch: 0.1 / (1 + epoch / 10) ** 0.34}.items():
        reached = gs.solve(game, gs.flip_flop_extragradient(rate), (1.0, 1.0), 10000).players
        left[name] = np.linalg.norm(np.array(reached) - equilibrium)
    assert left["decreasing"] < 1e-2
    assert left["decreasing"] < left["constant"] / 5


def test_orders_differ_by_seed_and_epoch_and_parts_are_of_equal_size():
    game, start = bilinear_sum(), (jnp.array(1.0), jnp.array(0.5))
    one = lambda **how: gs.solve(game, gs.flip_flop_extragradient(0.1, **how), start, 2).players
    assert len({float(one(seed=seed)[0]) for seed in range(8)}) > 1
    plain = gs.zero_sum(lambda x, y: x * y)
    whole = gs.solve(plain, gs.flip_flop_extragradient(0.1), start, 2).players
    np.testing.assert_allclose(one(batches=1), whole, rtol=1e-6)  # the mean of all examples is x y
    with pytest.raises(ValueError, match="batches must divide the 4 examples of the data, got 3"):
        one(batches=3)
    with pytest.raises(ValueError, match="batches must be at least 1, got 0"):
        gs.flip_flop_extragradient(0.1, batches=0)
