"""GANs with one parameter per player: the two biases and the two weights, exactly and on samples."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats

import gamesolve as gs
from gamesolve.games import gan


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("mean", "scale"), [(0.3, 1.0), (-2.0, 0.5), (0.0, 1e-3), (1.0, 0.01)])
def test_expected_doubt_is_the_integral(mean, scale):
    bump = gan.Bump(0.5)

    def integrand(t):
        return np.log(-np.expm1(-(t**2) / 2)) * scipy.stats.norm.pdf(t, mean, scale)

    low, high = min(mean - 12 * scale, -1e-9), max(mean + 12 * scale, 1e-9)
    edges = [low, *sorted({0.0, mean} - {low, high}), high]
    parts = [
        scipy.integrate.quad(integrand, *pair, epsabs=1e-13, epsrel=1e-12, limit=500)[0]
        for pair in itertools.pairwise(edges)
    ]
    np.testing.assert_allclose(bump.expected_doubt(jnp.asarray(mean), jnp.asarray(scale)), sum(parts), rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_the_capped_field_holds_for_any_scale_of_the_generator():
    cap, w_d = 0.005, 0.5
    field = jax.jit(gan.weight_plane(gan.Bump(0.5, cap)).game.field)
    for w_g in (1e-3, -1e-5, 1e-7, 0.0):
        # To leading order in w_g, log(1 - D) = log(cap) + (1 - cap) / cap kappa t^2.
        expected = (-2 * 0.5 * (1 - cap) / cap * w_d**2 * w_g, -2 * 0.5 * w_d)
        np.testing.assert_allclose(field((w_g, w_d)), expected, rtol=1e-3, atol=1e-9)
    assert np.isfinite(gan.Bump(0.5).expected_doubt(jnp.asarray(2.0), jnp.asarray(0.0)))


@pytest.mark.usefixtures("x64")
def test_a_sigmoid_diverges_to_infinity():
    experiment = gan.bias_plane(gan.Sigmoid())
    trace = gs.solve(
        experiment.game, gs.runge_kutta(0.1), experiment.game.start, 2000, record=lambda players, _: players, every=500
    ).trace
    generator, discriminator = map(np.asarray, trace)
    assert (np.diff(generator) > 0).all()
    assert generator[-1] > 100
    assert (np.diff(discriminator) < 0).all()
    assert discriminator[-1] < -5


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("kappa", "real", "imag", "threshold"), [(0.5, -0.5, 1.167208, 0.7961), (1, -1, 1.324781, 0.6715)]
)
def test_a_bump_spirals_in_as_long_as_its_weight_is_large(kappa, real, imag, threshold):
    def plane(weight):
        return gan.bias_plane(gan.Bump(kappa), weights=(1.0, weight))

    origin = plane(1.0).game.equilibria[0]
    np.testing.assert_allclose(gs.analysis.eigenvalues(plane(1.0).game, origin)[0], real + 1j * imag, atol=5e-7)
    for weight, stable in ((threshold + 1e-4, True), (threshold - 1e-4, False)):
        value = gs.analysis.eigenvalues(plane(weight).game, origin)[0]
        assert (value.real < 0) == stable
        assert abs(value.imag) > 1
    for weight, converges in ((1.0, True), (0.9, True), (0.55, False)):
        experiment = plane(weight)
        start = experiment.game.start if converges else (0.01, 0.0)
        run = gs.solve(experiment.game, gs.runge_kutta(0.05), start, 2000)
        assert (experiment.measures["distance"](run.players) < 0.005) == converges


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("kappa", "nash"), [(0.5, False), (1.0, True)])
def test_stable_is_not_nash(kappa, nash):
    game = gan.bias_plane(gan.Bump(kappa)).game
    certificate = gs.analysis.classify(game, game.equilibria[0])
    assert certificate.is_equilibrium
    assert certificate.stable
    assert certificate.nash == nash


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("kappa", "time", "weight"), [(0.5, 0.284, 1.156), (1.0, 0.304, 0.946)])
def test_the_scale_of_the_generator_collapses(kappa, time, weight):
    experiment, step = gan.weight_plane(gan.Bump(kappa)), 1e-3
    w_g, w_d = gs.solve(
        experiment.game, gs.runge_kutta(step), experiment.game.start, 310, record=lambda players, _: players
    ).trace
    assert optimum_is_left(experiment)
    last = int(np.argmax(~(np.asarray(w_g) > 0.1))) - 1
    # The scale is proportional to the square root of the remaining time, so its square is linear in time.
    left = w_g[last] ** 2 / (w_g[last - 1] ** 2 - w_g[last] ** 2)
    assert abs((last + 1 + left) * step - time) < 6e-4
    assert abs(w_d[last] - weight) < 3e-3


def optimum_is_left(experiment):
    return float(np.abs(experiment.game.field(experiment.game.start)[0])) > 0.5


@functools.partial(jax.jit, static_argnames=("samples", "smoothed"))
@functools.partial(jax.vmap, in_axes=(0, None, None))
def spurious(key, samples, smoothed):
    """Return the number of saddles in the field of the two biases; the exact field has none."""
    game = gan.bias_plane(gan.Bump(0.5, cap=0.005), samples=samples, key=key).game
    game = gs.analysis.smooth(game, 0.2, 30, jax.random.key(9)) if smoothed else game
    axes = ((1.0, 0.0), (0.0, 1.0))
    return gan.zeros_on_grid(
        gs.analysis.slice_field(game, (0.0, 0.0), axes, (-2.0, -2.0), (2.0, 2.0), 31).motion
    ).saddles


def test_few_samples_make_spurious_saddles_and_noise_on_parameters_removes_them():
    keys = jax.random.split(jax.random.key(0), 6)
    five, smoothed_five = (np.mean(spurious(keys, 5, smoothed)) for smoothed in (False, True))
    hundred, smoothed_hundred = (np.mean(spurious(keys, 100, smoothed)) for smoothed in (False, True))
    assert five >= 1.5
    assert smoothed_five <= five - 0.7
    assert 0.1 < hundred < five
    assert smoothed_hundred == 0
    assert np.mean(spurious(keys[:1], 2500, False)) == 0
    assert spurious(keys[:1], None, False) == 0


@pytest.mark.full
def test_without_a_cap_more_samples_do_not_help():
    point = (jnp.asarray(0.5), jnp.asarray(0.5))

    def error(samples, cap):
        def slope(key):
            plane = gan.bias_plane(gan.Bump(0.5, cap), samples=samples if key is not None else None, key=key)
            return plane.game.field(point)[0]

        return float(jnp.median(jnp.abs(jax.vmap(slope)(jax.random.split(jax.random.key(0), 50)) - slope(None))))

    # With 400 times the samples the error shrinks to a twentieth if the variance is finite, and far less otherwise.
    assert error(10_000, 0.1) < error(25, 0.1) / 8
    assert error(10_000, 0.0) > error(25, 0.0) / 3
