"""The Dirac-GAN and its variants, losses, regularisers, and GANs with linear generators."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.games import gan

STEP = 0.2


def after(experiment, solver, steps=500):
    return float(
        experiment.measures["distance"](gs.solve(experiment.game, solver, experiment.game.start, steps).players)
    )


def both(projections=None):
    for make in (gs.simgd, gs.altgd):
        yield make(STEP) if projections is None else optax.chain(make(STEP), gs.transforms.project(projections))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("settings", "projections", "published"),
    [
        ({"loss": gan.minimax}, None, (3.09695, 1.42102)),
        ({"loss": gan.non_saturating}, None, (0.640207, 0.283923)),
        ({"loss": gan.wasserstein}, (None, gan.clip(1.0)), (1.00215, 1.02412)),
        ({"regularisers": (gan.r1(0.3),)}, None, (2.643e-6, 2.301e-7)),
    ],
    ids=["GAN", "NS", "WGAN", "R1"],
)
def test_g4_dirac_gan_of_the_catalogue(settings, projections, published):
    experiment = gan.dirac(**settings)
    for solver, expected in zip(both(projections), published, strict=True):
        np.testing.assert_allclose(after(experiment, solver), expected, rtol=3e-4)


@pytest.mark.usefixtures("x64")
def test_g4_consensus_and_variants_that_never_converge():
    np.testing.assert_allclose(after(gan.dirac(), gs.conopt(STEP, gamma=1.0)), 2.58e-10, rtol=5e-3)
    penalised = gan.dirac(gan.wasserstein, (gan.gradient_penalty(1.0),))
    distances = [after(penalised, gs.simgd(0.05), steps) for steps in (2000, 4000, 8000)]
    assert min(distances) > 0.1
    assert after(gan.dirac(noise=1.0), gs.simgd(STEP)) < 1e-6


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 0.5j),
        ({"loss": gan.wasserstein}, 1j),
        ({"regularisers": (gan.r1(0.6),)}, -0.3 + 0.4j),
        ({"regularisers": (gan.r1(1.25),)}, -0.25),
        ({"noise": 0.8}, -0.16 + 1j * np.sqrt(0.25 - 0.16**2)),
    ],
    ids=["GAN", "WGAN", "R1", "strong R1", "noise"],
)
def test_eigenvalues_of_the_dirac_gan(settings, expected):
    game = gan.dirac(**settings).game
    assert game.is_zero_sum
    np.testing.assert_allclose(gs.analysis.eigenvalues(game, game.equilibria[0])[0], expected, atol=1e-9)


def test_losses_by_hand_and_far_out():
    real, fake = jnp.array([2.0, -1.0]), jnp.array([0.5, -3.0])
    np.testing.assert_allclose(gan.hinge.discriminator(real, fake), [-1.5, -2.0])
    np.testing.assert_allclose(gan.least_squares.discriminator(real, fake), [-0.625, -6.5])
    np.testing.assert_allclose(gan.least_squares.generator(real, fake), [-0.125, -8.0])
    np.testing.assert_allclose(gan.wasserstein.discriminator(real, fake), [1.5, 2.0])
    likelihood = np.log(1 / (1 + np.exp(-real))) + np.log(1 - 1 / (1 + np.exp(-fake)))
    np.testing.assert_allclose(gan.minimax.discriminator(real, fake), likelihood, rtol=1e-5)
    far = jnp.array([1e4, -1e4])
    for loss in (gan.minimax, gan.non_saturating, gan.relativistic):
        for payoff in filter(None, (loss.discriminator, loss.generator)):
            gradients = jax.grad(lambda logits, payoff=payoff: payoff(logits, -logits).sum())(far)
            assert jnp.isfinite(payoff(far, -far)).all()
            assert jnp.isfinite(gradients).all()


@pytest.mark.usefixtures("x64")
def test_the_relativistic_loss_compares_the_two_examples_of_a_pair():
    real, latent = jnp.array([1.0, 3.0, -2.0]), jnp.array([0.5, -1.0, 0.0])
    game = gan.adversarial(lambda shift, z: z + shift, lambda slope, x: slope * x, gan.relativistic).bind(
        (real, latent)
    )
    assert not game.is_zero_sum
    shift, slope = 0.7, 1.3
    lead = np.asarray(real - latent) - shift
    np.testing.assert_allclose(
        game.evaluate((shift, slope)),
        [-np.mean(np.log1p(np.exp(sign * slope * lead))) for sign in (1, -1)],
        rtol=1e-12,
    )
    ahead = 1 / (1 + np.exp(-slope * lead))
    expected = [np.mean(slope * ahead), np.mean(lead * (1 - ahead))]
    np.testing.assert_allclose(game.field((shift, slope)), expected, rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_the_relativistic_dirac_gan_converges_with_both_penalties():
    # The penalties add up to that of R1 with twice the weight: eigenvalues -gamma +- sqrt(gamma^2 - 1/4).
    penalised = gan.dirac(gan.relativistic, (gan.r1(0.3), gan.r2(0.3)))
    values = gs.analysis.eigenvalues(penalised.game, penalised.game.equilibria[0])
    np.testing.assert_allclose(values, [-0.3 + 0.4j, -0.3 - 0.4j], atol=1e-9)
    assert after(penalised, gs.simgd(STEP), 200) < 1e-4
    assert after(gan.dirac(gan.relativistic), gs.simgd(STEP), 200) > 0.5


def linear_game(*regularisers, loss=gan.wasserstein):
    game = gan.adversarial(lambda shift, z: z + shift, lambda w, x: x @ w, loss, regularisers)
    real, latent = jax.random.normal(jax.random.key(0), (2, 6, 3))
    return game.bind((real, latent, jax.random.key(1)))


def test_penalties_of_a_linear_discriminator_are_those_of_its_slope():
    slope, players = jnp.array([2.0, -1.0, 2.0]), (jnp.ones(3), jnp.array([2.0, -1.0, 2.0]))
    plain = linear_game().evaluate(players)
    for regulariser, penalty, shared in (
        (gan.r1(0.3), 0.15 * 9, True),
        (gan.r2(0.3), 0.15 * 9, False),
        (gan.gradient_penalty(10.0), 10 * (3 - 1) ** 2, False),
        (gan.weight_decay(0.1), 0.05 * 9, True),
    ):
        game = linear_game(regulariser)
        assert game.is_zero_sum == shared
        generator, discriminator = game.evaluate(players)
        np.testing.assert_allclose(discriminator, plain[1] - penalty, rtol=1e-5)
        np.testing.assert_allclose(generator, plain[0] + penalty * shared, rtol=1e-5)
    flat = linear_game(gan.gradient_penalty(10.0)).field((jnp.ones(3), 0 * slope))
    assert jnp.isfinite(flat[1]).all()


def test_noise_and_normalisation_change_what_both_players_see():
    players = (jnp.ones(3), jnp.array([2.0, -1.0, 2.0]))
    # Both members of a pair get the same noise, so a linear critic with the Wasserstein loss does not see it.
    np.testing.assert_allclose(
        linear_game(gan.instance_noise(1.0)).evaluate(players), linear_game().evaluate(players), atol=1e-5
    )
    noisy = linear_game(gan.instance_noise(1.0), loss=gan.minimax).evaluate(players)
    assert abs(noisy[1] - linear_game(loss=gan.minimax).evaluate(players)[1]) > 0.01
    network = gan.MLP((3, 7, 1))
    layers = network.init(jax.random.key(3))
    normal = [layer | {"weight": 0.5 * layer["weight"] / np.linalg.norm(layer["weight"], 2)} for layer in layers]
    examples = jax.random.normal(jax.random.key(4), (5, 3))
    wrapped = gan.spectral_normalisation().wrap(network, 0.5, None)
    np.testing.assert_allclose(wrapped(layers, examples), network(normal, examples), rtol=2e-3, atol=1e-5)


def test_strengths_are_leaves_and_nothing_retraces():
    def shortfall(gamma):
        return gs.solve(gan.dirac(regularisers=(gan.r1(gamma),)).game, gs.simgd(STEP), (1.0, 1.0), 100).players[0]

    swept = jax.vmap(shortfall)(jnp.array([0.1, 0.3]))
    np.testing.assert_allclose(swept[1], shortfall(0.3), rtol=1e-4)
    assert gan.ring(8).game.payoffs == gan.ring(8, key=jax.random.key(1)).game.payoffs


def test_errors_say_what_to_do():
    game = gan.adversarial(
        lambda shift, z: z + shift, lambda w, x: w * x, gan.wasserstein, (gan.gradient_penalty(1.0),)
    )
    with pytest.raises(ValueError, match="no random key"):
        game.bind((jnp.zeros(2), jnp.zeros(2))).evaluate((1.0, 1.0))
    with pytest.raises(ValueError, match="got 'taste'"):
        gan.dirac().watch("taste")
    with pytest.raises(ValueError, match=r"Pass key=jax\.random\.key"):
        gan.bias_plane(samples=5)


def test_clipping_keeps_a_critic_in_its_box():
    experiment = gan.ring(8, loss=gan.wasserstein, batch_size=16)
    moves = gs.alternating(optax.rmsprop(1e-2), optax.rmsprop(1e-2), order=(1, 1, 1, 0))
    solver = optax.chain(moves, gs.transforms.project((None, gan.clip(0.01))))
    run = gs.solve(experiment.game, solver, experiment.game.start, 3, sample=experiment.sample, key=jax.random.key(0))
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(run.players[1])) <= 0.01 + 1e-7
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(run.players[0])) > 0.1


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("make", "steps", "stable"),
    [
        (gs.ogda, 1500, (0.005, 0.025)),
        (lambda eta: gs.conopt(eta, gamma=1.0), 600, (0.005,)),
        (gs.sga, 600, (0.005,)),
        (gs.cgd, 200, (0.005, 0.025, 0.1, 0.4)),
    ],
    ids=["ogda", "conopt", "sga", "cgd"],
)
def test_g16_covariance_estimation_of_the_catalogue(make, steps, stable):
    experiment = gan.covariance()
    for eta in (0.005, 0.025, 0.1, 0.4):
        run = gs.solve(experiment.game, make(eta), experiment.game.start, steps, max_norm=1e6)
        assert (run.status != gs.Status.DIVERGED) == (eta in stable), eta


def test_mean_estimation_exactly_and_from_batches():
    exact = gan.mean_estimation()
    assert exact.game.is_zero_sum
    assert exact.measures["error"](gs.solve(exact.game, gs.ogda(0.2), exact.game.start, 1000).players) < 1e-4
    assert exact.measures["error"](gs.solve(exact.game, gs.simgd(0.2), exact.game.start, 200).players) > 5
    sampled = gan.mean_estimation(batch_size=64, regularisers=(gan.r1(1.0),))
    run = gs.solve(sampled.game, gs.simgd(0.05), sampled.game.start, 1000, sample=sampled.sample, key=jax.random.key(0))
    assert sampled.measures["error"](run.players) < 0.3
    theta, w = sampled.game.start
    assert not np.any(theta)
    assert np.all(w == 1)


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_spectral_normalisation_of_a_layer_of_any_size_is_finite(scale):
    linear_layer = lambda weights, inputs: inputs @ weights
    wrapped = gan.spectral_normalisation().wrap(linear_layer, 1.0, None)
    weights = scale * jnp.array([[3.0, 0.0], [0.0, 1.0]])
    value = wrapped(weights, jnp.eye(2))
    np.testing.assert_allclose(value, (scale > 0) * np.diag([1.0, 1 / 3]), rtol=1e-5, atol=1e-6)
    assert np.isfinite(jax.grad(lambda weights: jnp.sum(wrapped(weights, jnp.eye(2))))(weights)).all()
