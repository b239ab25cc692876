"""Measures of samples against closed forms, brute force and sets built to have them exactly."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.stats

from gamesolve import metrics
from gamesolve.games import gan

SQUARE = np.array(list(itertools.product([-2.0, 2.0], repeat=2)))


def with_moments(rng, number, mean, covariance):
    """Return samples with exactly this mean and covariance."""
    raw = rng.normal(size=(number, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw.T))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_modes_are_counted_by_the_good_samples_nearest_to_them():
    samples = jnp.concatenate([np.repeat(SQUARE[:1] + 0.1, 6, 0), SQUARE[1:2], SQUARE[2:3] + 0.9, jnp.zeros((2, 2))])
    covered = [int(metrics.modes_covered(samples, SQUARE, 0.5, least)) for least in (1, 2, 7)]
    assert covered == [2, 1, 0]
    assert int(metrics.modes_covered(samples, SQUARE, 1.5)) == 3
    assert float(metrics.good_share(samples, SQUARE, 0.5)) == pytest.approx(0.7)
    assert float(metrics.good_share(samples, SQUARE, 10.0)) == 1.0


@pytest.mark.usefixtures("x64")
def test_reverse_kl_is_that_of_the_histogram():
    counts = np.array([1, 2, 5, 0])
    samples = np.repeat(SQUARE, counts, axis=0)
    expected = scipy.stats.entropy(counts / 8, np.full(4, 0.25))
    assert float(metrics.reverse_kl(samples, SQUARE, 0.5)) == pytest.approx(expected, rel=1e-14)
    assert float(metrics.reverse_kl(SQUARE, SQUARE, 0.5)) == pytest.approx(0.0, abs=1e-15)
    assert float(metrics.reverse_kl(samples + 1.0, SQUARE, 0.5)) == np.inf
    assert float(metrics.reverse_kl(samples + 1.0, SQUARE, np.inf)) == pytest.approx(expected, rel=1e-14)


@pytest.mark.usefixtures("x64")
def test_mmd_is_the_unbiased_sum_over_pairs():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)) + 100, rng.normal(size=(5, 3)) + 101
    kernel = lambda a, b: sum(np.exp(-np.sum((a - b) ** 2) / (2 * h**2)) for h in (0.5, 2.0))
    within = lambda z: np.mean([kernel(a, b) for a, b in itertools.permutations(z, 2)])
    expected = within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    assert float(metrics.mmd(x, y, (0.5, 2.0))) == pytest.approx(expected, rel=1e-10)


@pytest.mark.usefixtures("x64")
def test_mmd_of_shifted_gaussians():
    """E k for N(0, I) against N(s, I) in one dimension is h / sqrt(h^2 + 2) exp(-s^2 / (2 (h^2 + 2)))."""
    quantiles = scipy.stats.norm.ppf((np.arange(1500) + 0.5) / 1500)[:, None]
    shift, h = 1.0, 1.0
    scale = h / np.sqrt(h**2 + 2)
    expected = 2 * scale * (1 - np.exp(-(shift**2) / (2 * (h**2 + 2))))
    assert float(metrics.mmd(quantiles, quantiles + shift, (h,))) == pytest.approx(expected, rel=5e-3)
    draws = jax.random.normal(jax.random.key(1), (200, 2, 20, 2))
    values = jax.vmap(metrics.mmd)(draws[:, 0], draws[:, 1])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200), "biased"
    assert (values < 0).any()


@pytest.mark.usefixtures("x64")
def test_wasserstein1_of_shifts_and_of_samples_of_two_sizes():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=50), rng.gamma(2.0, size=31)
    assert float(metrics.wasserstein1(x, rng.permutation(x) + 3.0)) == pytest.approx(3.0, rel=1e-14)
    expected = scipy.stats.wasserstein_distance(x, y)
    assert float(metrics.wasserstein1(x, y[:, None])) == pytest.approx(expected, rel=1e-13)
    slope = jax.grad(lambda move: metrics.wasserstein1(x + move, x + 3.0))(0.0)
    assert slope == pytest.approx(-1.0, rel=1e-12)


@pytest.mark.usefixtures("x64")
def test_frechet_distance_of_gaussians():
    rng = np.random.default_rng(0)
    means, factors = rng.normal(size=(2, 4)), rng.normal(size=(2, 4, 4))
    covariances = factors @ factors.transpose(0, 2, 1)
    x, y = (with_moments(rng, 30, *moments) for moments in zip(means, covariances, strict=True))
    cross = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(covariances.sum(axis=0) - 2 * cross)
    assert float(metrics.frechet_distance(x, y)) == pytest.approx(expected, rel=1e-12)
    assert float(metrics.frechet_distance(x, x)) == pytest.approx(0.0, abs=1e-12)
    scaled = metrics.frechet_distance(x, 3 * (x - means[0]) + means[0])
    assert float(scaled) == pytest.approx(4 * np.trace(covariances[0]), rel=1e-12)


def test_frechet_distance_keeps_float32_and_singular_covariances():
    x = jax.random.normal(jax.random.key(0), (40, 60)) * jnp.logspace(0, -4, 60)
    value = jax.jit(metrics.frechet_distance)(x, x + jnp.eye(60)[0])
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(1.0, abs=1e-5)


def test_inception_score_lies_between_its_bounds():
    certain = jnp.eye(5)[jnp.arange(20) % 5]
    assert float(metrics.inception_score(certain)) == pytest.approx(5.0, rel=1e-6)
    assert float(metrics.inception_score(jnp.full((20, 5), 0.2))) == pytest.approx(1.0, rel=1e-6)
    assert float(metrics.inception_score(jnp.eye(5)[jnp.zeros(20, int)])) == pytest.approx(1.0, rel=1e-6)
    half = 0.5 * (certain + jnp.full((20, 5), 0.2))
    entropy = scipy.stats.entropy(np.array([0.6, 0.1, 0.1, 0.1, 0.1]))
    assert float(metrics.inception_score(half)) == pytest.approx(5 * np.exp(-entropy), rel=1e-6)


def test_class_coverage_counts_classes_with_enough_samples():
    probabilities = jnp.eye(4)[jnp.array([0, 0, 0, 1, 2, 2])]
    assert [int(metrics.class_coverage(probabilities, least)) for least in (1, 2, 3, 4)] == [3, 2, 1, 0]


def test_precision_and_recall_tell_dropped_modes_from_bad_samples():
    key = jax.random.key(0)
    real = jnp.concatenate([jax.random.normal(key, (100, 2)), jax.random.normal(key, (100, 2)) + 20.0])
    fresh = jax.random.normal(jax.random.key(1), (200, 2)) + jnp.where(jnp.arange(200) < 100, 0.0, 20.0)[:, None]
    dropped = jax.random.normal(jax.random.key(2), (200, 2))
    spread = jnp.concatenate([fresh[:50], fresh[150:], 100.0 + 50 * jax.random.normal(key, (100, 2))])
    same, mode, wide = (metrics.precision_recall(real, fake) for fake in (fresh, dropped, spread))
    assert min(same) > 0.85
    assert mode.precision > 0.85
    assert 0.4 < mode.recall <= 0.5
    assert 0.4 < wide.precision <= 0.51
    assert wide.recall > 0.8


def test_precision_and_recall_match_brute_force():
    rng = np.random.default_rng(3)
    real, fake = rng.normal(size=(12, 2)), rng.normal(size=(9, 2)) + 0.7
    reach = lambda z: [np.sort(np.linalg.norm(z - point, axis=1))[2] for point in z]
    share = lambda a, z: np.mean([any(np.linalg.norm(p - q) <= r for q, r in zip(z, reach(z), strict=True)) for p in a])
    found = metrics.precision_recall(real, fake, k=2)
    assert [float(value) for value in found] == pytest.approx([share(fake, real), share(real, fake)])
    assert 0 < min(found) < max(found) < 1 or found.precision != found.recall


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.mmd(jnp.zeros(3), jnp.zeros((3, 1))), r"x must have shape \(n, d\), .* got shape \(3,\)"),
        (lambda: metrics.mmd(jnp.zeros((3, 2)), jnp.zeros((3, 1))), "must have points of equal dimension"),
        (lambda: metrics.mmd(jnp.zeros((1, 2)), jnp.zeros((3, 2))), "at least 2 samples each, got 1 and 3"),
        (lambda: metrics.frechet_distance(jnp.zeros((1, 2)), jnp.zeros((3, 2))), "2 samples each, got 1 and 3"),
        (lambda: metrics.wasserstein1(jnp.zeros((3, 2)), jnp.zeros(3)), r"x must be numbers .* got shape \(3, 2\)"),
        (lambda: metrics.good_share(jnp.zeros((0, 2)), SQUARE, 1.0), r"samples must .* got shape \(0, 2\)"),
        (lambda: metrics.precision_recall(SQUARE, SQUARE, k=4), "got 4 for 4 real and 4 fake samples"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_folds_count_the_changes_of_orientation():
    line = jnp.linspace(-3, 3, 301)[:, None]
    points = jax.random.normal(jax.random.key(0), (500, 3))

    @jax.jit
    def found():
        return (
            metrics.folds(lambda x: jax.nn.relu(x - 1) + jax.nn.relu(-x - 1), line),
            metrics.folds(lambda x: x[:, jnp.array([1, 0, 2])] + jnp.tanh(x) / 10, points),
            metrics.folds(lambda x: x.at[:, 0].set(x[:, 0] ** 2), points),
        )

    valley, swapped, folded = found()
    assert int(valley.changes) == 1  # it falls, is flat and rises
    np.testing.assert_allclose(float(valley.flipped), 1 / 3, atol=0.01)
    assert set(np.asarray(valley.orientation)) == {-1, 0, 1}
    np.testing.assert_array_equal(swapped.orientation, -1)  # reversed, but nowhere folded
    assert [float(swapped.flipped), int(swapped.changes)] == [0, 0]
    np.testing.assert_allclose(float(folded.flipped), 0.5, atol=0.05)
    with pytest.raises(ValueError, match=r"transform must keep the dimension, got .*\(3,\) mapped to shape \(2,\)"):
        metrics.folds(lambda x: x[:, :2], points)


def test_regrowths_need_a_fall_and_a_return():
    heights = np.array([[0.0, 0.3, 0.2], [0.3, 0.0, 0.1], [0.1, 0.1, 0.3], [0.3, 0.3, 0.0], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(gan.regrowths(heights, 0.05, 0.25), [1, 1, 0])
    assert gan.regrowths(heights[:, 0], 0.05, 0.25).shape == ()
