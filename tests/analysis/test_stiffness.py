"""Slow modes of stiff games are not directions of equilibria: what analysis says is right, or a warning says it isn't.

The table has games with known eigenvalues, at conditions up to the precision: with and without a set of equilibria, in
the players' own axes and in rotated ones, in both precisions.
"""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

SIZE = 4
STEP = 0.9


def payoff(x, matrix):
    return x @ matrix @ x / 2


def stiff(condition, sign, rotated, free, size=SIZE):
    """Return a game whose slowest mode has the given sign, with ``free`` directions of equilibria, and its speeds."""
    speeds = -np.geomspace(1, 1 / condition, size)
    speeds[-1] *= sign
    speeds = np.concatenate([speeds, np.zeros(free)])
    axes = np.eye(len(speeds))
    if rotated:
        axes = np.linalg.qr(np.random.default_rng(0).normal(size=axes.shape))[0]
    game = gs.general_sum(payoff, constants=(jnp.asarray(axes @ np.diag(speeds) @ axes.T),))
    return game, (jnp.zeros(len(speeds)),), speeds[:size]


def heard(function, *args, **options):
    """Return a result, and whether a warning came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return function(*args, **options), any("rate" in str(warning.message) for warning in caught)


@pytest.fixture(params=[False, True], ids=["float32", "float64"])
def conditions(request):
    with jax.enable_x64(request.param):
        yield (1e1, 1e4, 1e6, 1e10, 1e14) if request.param else (1e1, 1e3, 1e4, 1e5, 1e6, 1e7)


@pytest.mark.parametrize("free", [0, 1])
@pytest.mark.parametrize("rotated", [False, True])
def test_a_slow_mode_is_not_a_direction_of_equilibria(conditions, rotated, free):
    for condition in conditions:
        for sign in (1, -1):
            game, at, speeds = stiff(condition, sign, rotated, free)
            accuracy = 16 * float(jnp.finfo(at[0].dtype).eps)
            exact = np.max(np.abs(1 + STEP * speeds))
            found, said = heard(gs.analysis.rate, game, gs.simgd(STEP), at)
            assert said or float(found) == pytest.approx(exact, abs=accuracy)
            found, said = heard(gs.analysis.attraction, game, gs.simgd(STEP), at)
            assert said or bool(found.attracting) == (sign > 0)
            assert said or bool(found.stable) == (sign > 0)
            certificate = gs.analysis.classify(game, at)
            if certificate.degenerate:
                assert free or condition * accuracy > 0.1
            else:
                assert not free
                assert bool(certificate.stable) == bool(certificate.nash) == (sign > 0)


MEMORIES = {
    "momentum": (lambda eta: gs.simgd(eta, momentum=0.3), lambda s: [1, -(1.3 + STEP * s), 0.3]),
    "ogda": (lambda eta: gs.ogda(eta / 3), lambda s: [1, -(1 + 2 * STEP / 3 * s), STEP / 3 * s]),
    "extragradient": (lambda eta: gs.extragradient(eta / 2), lambda s: [1, -(1 + STEP / 2 * s + (STEP / 2 * s) ** 2)]),
    "conopt": (lambda eta: gs.conopt(eta / 2, gamma=0.2), lambda s: [1, -(1 + STEP / 2 * (s - 0.2 * s**2))]),
    "proximal": (lambda eta: gs.proximal(eta), lambda s: [1 - STEP * s, -1]),
    "lookahead": (
        lambda eta: gs.lookahead(gs.simgd(eta), period=2, alpha=0.5),
        lambda s: [1, 0, -(0.5 + 0.5 * (1 + STEP * s) ** 2)],
    ),
}


QUICK = ("momentum", "ogda", "lookahead")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.full) for n in MEMORIES])
def test_the_state_follows_a_direction_of_equilibria(name):
    make, polynomial = MEMORIES[name]
    for condition in (1e2, 1e4):
        for free in (0, 1):
            game, at, speeds = stiff(condition, 1, False, free, size=2)
            exact = max(np.max(np.abs(np.roots(polynomial(speed)))) for speed in speeds)
            found = float(gs.analysis.rate(game, make(STEP), at))
            assert found == pytest.approx(exact, abs=3e-6)


@pytest.mark.parametrize("x64", [False, True])
def test_a_slow_mode_is_kept_without_a_matrix(x64):
    with jax.enable_x64(x64):
        speeds = np.concatenate([-np.linspace(0.5, 1, 118), [0]])
        for slow in (-1e-2, 3e-4, -3e-4):
            game = gs.general_sum(payoff, constants=(jnp.diag(jnp.asarray(np.append(speeds, slow))),))
            at = (jnp.zeros(len(speeds) + 1),)
            found, said = heard(gs.analysis.rate, game, gs.simgd(STEP), at, k=3)
            assert float(found) == pytest.approx(1 + STEP * slow, abs=1e-8 if x64 else 1e-5)
            assert not (said and x64)


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.7, 3.0])
def test_a_curved_set_of_equilibria_is_one_at_a_rounded_point(x64, angle):
    """The circle of radius 1, from which the field leads back at speed 2."""
    with jax.enable_x64(x64):
        circle = gs.general_sum(lambda x: -((x @ x - 1) ** 2) / 4)
        at = (jnp.asarray([np.cos(angle), np.sin(angle)]),)
        found, _ = heard(gs.analysis.rate, circle, gs.simgd(0.3), at)
        assert float(found) == pytest.approx(0.4, abs=1e-6)
        assert gs.analysis.classify(circle, at).kind == "degenerate, not Nash"


def test_equilibria_along_a_slow_mode_are_found_once():
    pytest.importorskip("optimistix")
    game = gs.general_sum(lambda x: -(x[0] ** 2 + 1e-4 * (x[1] - 1) ** 2))
    starts = gs.analysis.sample_box(jax.random.key(0), (jnp.full(2, -1.0),), (jnp.full(2, 2.0),), 8)
    ((players, certificate),) = gs.analysis.find_equilibria(game, starts)
    np.testing.assert_allclose(players[0], [0, 1], atol=1e-4)
    assert certificate.kind == "stable, Nash"


def test_a_rate_can_be_differentiated_along_a_set_that_turns():
    """The payoff pulls towards a line through the origin; its direction is the constant of the game."""

    def pull(x, angle):
        return -((jnp.cos(angle) * x[0] + jnp.sin(angle) * x[1]) ** 2) / 2 - (x[0] * x[0]) * 0.0

    def rate(eta, angle):
        game = gs.general_sum(pull, constants=(angle,))
        return gs.analysis.rate(game, gs.simgd(eta), (jnp.zeros(2),))

    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(rate, (0, 1)))(0.3, 0.4)
        np.testing.assert_allclose(slopes, (-1, 0), atol=1e-12)


def test_ranges_of_step_sizes_come_from_the_spectrum(x64):
    steep = gs.general_sum(lambda x: -1e6 * x**2 / 2)
    assert gs.analysis.critical_step(steep, gs.simgd, (0.0,)) == pytest.approx(2e-6, rel=1e-6)
    best = gs.analysis.best_step(steep, gs.simgd, (0.0,))
    assert best.step == pytest.approx(1e-6, rel=1e-6)
    assert best.rate == pytest.approx(0, abs=1e-6)
    with pytest.warns(UserWarning, match=r"no step size in \[0.0001, 10\] is stable"):
        assert gs.analysis.best_step(gs.general_sum(lambda x: x**2 / 2), gs.simgd, (0.0,)).rate > 1


def test_timescales_of_stiff_players():
    game = gs.zero_sum(lambda x, y: 1e5 * (-(x[0] ** 2) + 4 * x[0] * y[0] - 2 * y[0] ** 2) + x[1] ** 2 / 2 - y[1] ** 2)
    assert gs.analysis.timescale_ratio(game, (jnp.zeros(2), jnp.zeros(2))) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("option", ["jax_debug_nans", "jax_debug_infs"])
def test_analysis_makes_no_nan_and_no_infinity_on_purpose(option):
    curl, circle = gs.games.curl(), gs.general_sum(lambda x: -((x @ x - 1) ** 2) / 4)
    jax.config.update(option, True)
    try:
        for game, at in ((curl, (0.0, 0.0)), (circle, (jnp.asarray([1.0, 0.0]),))):
            assert gs.analysis.classify(game, at).is_equilibrium
            assert bool(gs.analysis.attraction(game, gs.simgd(0.3), at).is_equilibrium)
            assert float(gs.analysis.rate(game, gs.ogda(0.1), at)) < 1
            assert gs.analysis.critical_step(game, gs.ogda, at) > 0.1
            gs.analysis.best_step(game, gs.ogda, at, upper=1.0)
            gs.analysis.timescale_ratio(game, at)
            gs.analysis.eigenvectors(game, at)
            gs.analysis.hessian_spectra(game, at)
            leader = gs.analysis.stackelberg_spectrum(game, at)[0].leader
            assert np.all(np.isnan(leader)) == (game is curl)
            gs.analysis.weak_minty(game, [at, jax.tree.map(lambda z: z + 0.5, at)], at)
        if option == "jax_debug_nans":
            starts = gs.analysis.sample_box(jax.random.key(0), (0.0, 0.0), (1.0, 1.0), 4)
            gs.analysis.find_equilibria(gs.zero_sum(lambda x, y: x**2 + x * y - y**2), starts)
    finally:
        jax.config.update(option, False)
