"""What losses measure, how optimisers of a Wasserstein GAN differ, and at which points training comes to rest."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import norm, pearsonr

import gamesolve as gs
from gamesolve.games import data, gan

LEVELS = (np.arange(64) + 0.5) / 64


def trained(loss, points, theta, *regularisers, steps=200):
    """Return the payoff of a discriminator trained against samples shifted by theta, and the generator's field."""
    judge = gan.MLP((1, 16, 1), jnp.tanh)
    game = gan.adversarial(lambda shift, latent: latent + shift, judge, loss, regularisers)
    game = game.bind((points, points, jax.random.key(0)))
    adam = optax.adam(optax.cosine_decay_schedule(0.05, steps))

    def respond(key):
        players = theta, gs.analysis.best_response(game, adam, (theta, judge.init(key)), 1, steps).player
        return game.evaluate(players)[1], -game.evaluate(players)[0], jnp.abs(game.field(players)[0])

    payoffs, values, speeds = jax.vmap(respond)(jax.random.split(jax.random.key(0), 4))
    return values[jnp.argmax(payoffs)], speeds[jnp.argmax(payoffs)]


def test_the_minimax_payoff_of_a_trained_discriminator_is_the_jensen_shannon_divergence():
    points, shifts, x = (
        jnp.asarray(norm.ppf(LEVELS)[:, None], float),
        np.array([0.5, 1.5, 2.5]),
        np.linspace(-9, 12, 2000),
    )
    found, _ = jax.jit(jax.vmap(lambda theta: trained(gan.minimax, points, theta)))(shifts)
    for theta, value in zip(shifts, found, strict=True):
        divergence = jensenshannon(norm.pdf(x), norm.pdf(x, theta)) ** 2
        np.testing.assert_allclose(value, 2 * divergence - np.log(4), atol=0.03)


@pytest.mark.parametrize("theta", [-3.0, 0.2])
def test_the_wasserstein_payoff_of_two_points_is_their_distance(theta):
    game = gan.dirac(gan.wasserstein).game
    clipped = optax.chain(gs.simgd(0.1), gs.transforms.project((gan.clip(1.0),)))
    slope = gs.analysis.best_response(game, clipped, (theta, 0.0), 1, 100).player
    np.testing.assert_allclose(game.evaluate((theta, slope))[1], abs(theta), rtol=1e-6)


@pytest.mark.full
def test_only_the_wasserstein_payoff_has_a_slope_between_intervals_that_do_not_overlap():
    points, shifts = jnp.asarray(LEVELS[:, None], float), np.array([0.5, 2.0, 3.0])
    penalty = gan.gradient_penalty(100.0)
    value, speed = jax.jit(jax.vmap(lambda theta: trained(gan.minimax, points, theta, steps=500)))(shifts)
    np.testing.assert_allclose(value, 2 * np.log(2) * np.minimum(shifts, 1) - np.log(4), atol=0.15)
    assert speed[0] > 1
    assert np.max(speed[1:]) < 0.01
    value, speed = jax.jit(jax.vmap(lambda theta: trained(gan.wasserstein, points, theta, penalty, steps=500)))(shifts)
    np.testing.assert_allclose(value, shifts, rtol=0.05)
    np.testing.assert_allclose(speed, 1, rtol=0.05)


def train_on_a_line(loss, inner, rate, limit, seeds=8, cycles=400):
    network, order = gan.MLP((1, 16, 16, 1)), (1, 1, 1, 1, 1, 0)
    solver = optax.chain(
        gs.alternating(inner(rate), inner(3 * rate), order=order), gs.transforms.project((None, gan.clip(limit)))
    )

    @jax.jit
    @jax.vmap
    def run(seed):
        settings = {"loss": loss, "batch_size": 64, "generator": network, "discriminator": network}
        experiment = gan.line((-2.0, 2.0), 0.3, key=jax.random.key(seed), **settings)
        watched = experiment.game.bind(experiment.sample(jax.random.key(999)))

        def record(players, _):
            return watched.evaluate(players)[1], experiment.measures["wasserstein1"](players)

        options = {"sample": experiment.sample, "key": jax.random.key(50 + seed), "record": record, "every": 10}
        return gs.solve(experiment.game, solver, experiment.game.start, cycles, **options).trace

    return jax.tree.map(np.asarray, run(jnp.arange(seeds)))


@pytest.mark.full
def test_the_wasserstein_loss_follows_the_quality_of_the_samples():
    related = []
    for loss, limit in ((gan.wasserstein, 0.1), (gan.minimax, 1e3)):
        payoffs, distances = train_on_a_line(loss, optax.rmsprop, 1e-3, limit)
        related.append(np.mean([pearsonr(*pair).statistic for pair in zip(payoffs, distances, strict=True)]))
    assert related[0] > 0.45
    assert related[1] < related[0] - 0.25


@pytest.mark.full
def test_momentum_harms_a_wasserstein_gan_at_large_steps():
    ends = [
        train_on_a_line(gan.wasserstein, inner, 3e-3, 0.1)[1][:, -13:].mean()
        for inner in (lambda rate: optax.rmsprop(rate, decay=0.99), lambda rate: optax.adam(rate, b1=0.9, b2=0.99))
    ]
    assert ends[1] > 1.25 * ends[0]


@pytest.mark.full
def test_strong_consensus_ends_at_an_unstable_zero_between_two_clusters():
    quantiles, centres = jnp.asarray(norm.ppf((np.arange(32) + 0.5) / 32)[:, None], float), jnp.linspace(-4, 4, 9)
    bumps = lambda weights, points: jnp.exp(-((points - centres) ** 2) / 2) @ weights
    game = gan.adversarial(lambda theta, z: theta + 0.5 * z, bumps, regularisers=(gan.weight_decay(0.2),))
    game = game.bind((jnp.concatenate([quantiles / 2 - 2, quantiles / 2 + 2]), jnp.tile(quantiles, (2, 1))))

    @jax.jit
    def ends(gamma):
        solver = gs.conopt(0.3 / (1 + 0.5 * gamma), gamma)
        thetas = jax.random.uniform(jax.random.key(0), (32,), minval=-3, maxval=3)
        return jax.vmap(lambda theta: gs.solve(game, solver, (theta, jnp.zeros(9)), 10_000).players)(thetas)

    certify = jax.jit(lambda ends: jax.lax.map(lambda players: gs.analysis.classify(game, players, tol=1e-3), ends))
    for gamma, unstable in ((1.0, False), (16.0, True)):
        players = ends(gamma)
        theta, certificate = players[0], certify(players)
        wrong = np.asarray(certificate.is_equilibrium & ~certificate.stable)
        assert (0.05 < wrong.mean() < 0.35) == unstable
        assert wrong.any() == unstable
        assert np.all(np.abs(theta[wrong]) < 0.2)


def test_simultaneous_descent_selects_points_where_the_discriminator_is_slow():
    speed = lambda x: 0.3 - 0.25 * jnp.cos(x / 3)
    game = gs.zero_sum(lambda x, y: jnp.sin(x) ** 2 / 4 + y * jnp.sin(x) + speed(x) * (jnp.sqrt(1 + y**2) - 1))
    starts = jax.random.uniform(jax.random.key(1), (64,), maxval=6 * jnp.pi)
    play = jax.jit(
        jax.vmap(lambda tau, x: gs.solve(game, gs.simgd((0.02, 0.02 * tau)), (x, 0.1), 10_000).players, (None, 0))
    )
    for ratio, least, slow in ((0.5, 0.9, 1.0), (2.0, 0.2, 0.25), (4.0, 0.1, 0.125)):
        x, y = map(np.asarray, play(ratio, starts))
        rest = (np.abs(y) < 1e-2) & (np.abs(np.sin(x)) < 1e-2)
        assert rest.mean() > least
        assert np.all(speed(x[rest]) < slow)


def test_pixels_find_a_shifted_digit_farther_away_than_the_mean_of_its_class():
    digits = data.digits()
    images, labels = np.asarray(digits.inputs)[:400], np.asarray(digits.labels)[:400]
    means = np.stack([images[labels == label].mean(axis=0) for label in range(10)])[labels]
    shifted = np.concatenate([np.full_like(images[:, :, :1], images.min()), images[:, :, :-1]], axis=2)
    far, near = (np.linalg.norm((images - others).reshape(400, -1), axis=1) for others in (shifted, means))
    assert np.median(far) > 1.3 * np.median(near)
