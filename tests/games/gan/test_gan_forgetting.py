"""Remedies against forgetting in the discriminator: replay of old examples, elastic weight consolidation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.games import gan

NETWORK = gan.MLP((1, 32, 32, 1), jnp.tanh)
# The same payoffs as wasserstein, but not declared as zero-sum.
GENERAL = gan.Loss("general", gan.wasserstein.discriminator, lambda real, fake: fake - real)


def on_a_line(key=None):
    return gan.line((-6.0, -2.0, 2.0, 6.0), 0.2, batch_size=64, generator=NETWORK, discriminator=NETWORK, key=key)


@pytest.mark.parametrize("loss", [gan.wasserstein, GENERAL], ids=["zero-sum", "general-sum"])
def test_the_discriminator_sees_old_examples_and_the_generator_does_not(loss):
    game = gan.adversarial(lambda shift, z: z + shift, lambda slope, x: slope * x, loss)
    game = dataclasses.replace(game, start=(jnp.array(1.0), jnp.array(2.0)))
    sample = gs.sampling.joint(gs.sampling.latents(4, 1), gs.sampling.latents(4, 1))
    weight, slots, key = 3.0, 2, jax.random.key(1)
    experiment = gan.replayed(gan.Experiment(game, sample, {}), slots, weight)
    assert experiment.game.is_zero_sum == (loss is gan.wasserstein)
    run = gs.solve(experiment.game, gs.simgd(0.1), game.start, 4, sample=sample, key=key)
    (shift, slope), written = (1.0, 2.0), []
    for step in range(4):
        real, latent = (np.asarray(part, float) for part in sample(jax.random.fold_in(key, step)))
        fake, lead = latent + shift, 0.0
        if written:
            # With four examples and a memory of one or two, each of the newest ones is shown equally often.
            lead = weight * (real.mean() - np.mean(written[-slots:]))
        written.append(fake[0])
        shift, slope = shift + 0.1 * slope, slope + 0.1 * (real.mean() - fake.mean() + lead)
    np.testing.assert_allclose(run.players, (shift, slope), rtol=1e-5)
    np.testing.assert_allclose(run.model_state.examples, written[-slots:], rtol=1e-5)
    assert int(run.model_state.steps) == 4


def test_an_experiment_that_cannot_be_replayed_is_refused():
    with pytest.raises(ValueError, match="must have a sampler"):
        gan.replayed(gan.dirac())
    with pytest.raises(ValueError, match="must have a sampler"):
        gan.replayed(gan.replayed(on_a_line()))
    with pytest.raises(ValueError, match="slots must be at least 1"):
        gan.replayed(on_a_line(), 0)


def test_consolidation_pulls_important_weights_to_their_average():
    part, weights = gan.consolidation(5.0, 0.8), {"w": jnp.array([1.0, 2.0])}
    state = part.init(weights)
    importance, anchor = np.zeros(2), np.array([1.0, 2.0])
    rng = np.random.default_rng(0)
    for _ in range(3):
        u, w = rng.normal(size=2), rng.normal(size=2)
        got, state = part.update({"w": jnp.asarray(u, float)}, state, {"w": jnp.asarray(w, float)})
        np.testing.assert_allclose(got["w"], u + 5 * importance * (w - anchor), rtol=1e-5)
        importance, anchor = 0.8 * importance + 0.2 * u**2, 0.8 * anchor + 0.2 * w
    with pytest.raises(ValueError, match="decay must be finite"):
        gan.consolidation(1.0, 1.0)


@pytest.mark.full
def test_replay_and_consolidation_reduce_hops():
    rmsprop = optax.rmsprop(1e-3)

    def hops(remedy, solver):
        @jax.vmap
        def run(seed):
            experiment = remedy(on_a_line(jax.random.key(seed)))
            return gs.solve(
                experiment.game,
                solver,
                experiment.game.start,
                1200,
                sample=experiment.sample,
                key=jax.random.key(50 + seed),
                record=experiment.watch("shares"),
                every=30,
            ).trace["shares"]

        return np.mean([gan.hops(shares) for shares in run(jnp.arange(4))])

    plain = hops(lambda experiment: experiment, rmsprop)
    assert plain > 15
    assert hops(lambda experiment: gan.replayed(experiment, 1200, 3.0), rmsprop) < plain / 2
    consolidated = gs.per_player(rmsprop, optax.chain(gan.consolidation(1e4), rmsprop))
    assert hops(lambda experiment: experiment, consolidated) < 0.7 * plain
