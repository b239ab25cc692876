"""Fields of GANs with one parameter per player: collapse, limit cycles, few samples, and the gradient part alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.games import gan

CAP = 0.005
BUMP = gan.Bump(0.5, cap=CAP)


def sampled(samples, seed):
    return gan.bias_plane(BUMP, samples=samples, key=jax.random.key(seed)).game


def level(game):
    """Return b_D at the zeros: minus the mean of the data, which is all that the discriminator sees from far away."""
    return game.field((50.0, 0.0))[1]


@pytest.mark.usefixtures("x64")
def test_right_weights_are_no_equilibrium_in_any_quadrant_and_a_line_of_others_is():
    game = gan.weight_plane(BUMP).game
    field, J = jax.jit(game.field), jax.jit(lambda *point: gs.analysis.jacobian(game, point))
    right, bend = np.asarray(field((1.0, 1.0))), J(1.0, 1.0)
    assert np.hypot(*right) == pytest.approx(1.432, abs=1e-3)
    for signs in ((-1, -1), (1, -1), (-1, 1)):
        point = tuple(map(float, signs))
        np.testing.assert_allclose(field(point), right * signs, rtol=1e-9)
        np.testing.assert_allclose(np.linalg.eigvals(J(*point)), np.linalg.eigvals(bend), rtol=1e-9)
    for w_g in (0.0, 0.06, 0.08):
        np.testing.assert_allclose(field((w_g, 0.0)), 0, atol=1e-9)
        np.testing.assert_allclose(J(w_g, 0.0), np.diag([0, -1 + (1 - CAP) / CAP * w_g**2]), atol=1e-6)


@pytest.mark.full
def test_a_limit_cycle_surrounds_the_equilibrium_below_the_threshold_only():
    def cycle(weight, start):
        game = gan.bias_plane(gan.Bump(0.5), weights=(1.0, weight)).game
        return gs.analysis.limit_cycle(game, gs.runge_kutta(0.1), (start, 0.0), 300, settle=1000)

    look = jax.jit(jax.vmap(cycle))
    found = look(jnp.array([0.7, 0.7, 0.75, 0.9, 3.0]), jnp.array([0.3, 3.0, 0.3, 0.3, 3.0]))
    assert found.found.tolist() == [True, True, True, False, False]
    np.testing.assert_allclose(found.farthest[:2], 2.28, atol=0.02)
    # A Hopf bifurcation: the size is proportional to the square root of the distance from the threshold.
    ratio = float(found.farthest[1] / found.farthest[2])
    assert ratio == pytest.approx(((0.7961 - 0.7) / (0.7961 - 0.75)) ** 0.5, rel=0.1)


def test_zeros_of_a_field_from_samples_lie_on_one_line_and_each_is_stable_or_a_saddle():
    game = sampled(5, 14)
    points = gs.analysis.sample_box(jax.random.key(0), (-5.0, -5.0), (5.0, 5.0), 200)
    traces = jax.jit(jax.vmap(lambda *point: jnp.trace(gs.analysis.jacobian(game, point))))(*points)
    np.testing.assert_allclose(traces, -1, atol=1e-3)  # minus 2 kappa: the flow contracts areas, so it has no cycles

    @jax.jit
    @jax.vmap
    def zeros(seed):
        """Return the numbers of stable points and saddles, and whether a saddle is at most 0.5 from (-2, 1)."""
        game = sampled(5, seed)
        b_d, b_g = level(game), jnp.linspace(-6.0, 6.0, 1201)
        v = jax.vmap(lambda bias: game.field((bias, b_d))[0])(b_g)
        saddle = (v[:-1] < 0) & (v[1:] > 0)  # far away v underflows to 0
        near = jnp.hypot(b_g[1:] + 2, b_d - 1) < 0.5
        return jnp.sum((v[:-1] > 0) & (v[1:] < 0)), jnp.sum(saddle), jnp.any(saddle & near)

    stable, saddles, near = map(np.asarray, zeros(jnp.arange(400)))
    assert (stable == saddles + 1).all()
    assert saddles.mean() > 1.5
    assert 0.015 < near.mean() < 0.08  # 0.042 in 2000 draws


@pytest.mark.full
def test_smoothing_shortens_the_path_of_training():
    def length(game, start=(1.0, 0.5)):
        a, b = gs.solve(game, gs.simgd(0.02), start, 600, record=lambda players, _: players).trace
        a, b = jnp.append(start[0], a), jnp.append(start[1], b)
        return jnp.sum(jnp.hypot(jnp.diff(a), jnp.diff(b)))

    @jax.jit
    @jax.vmap
    def lengths(seed):
        game = sampled(100, seed)
        return length(game), length(gs.analysis.smooth(game, 0.2, 30, jax.random.key(1000 + seed)))

    plain, smoothed = map(np.asarray, lengths(jnp.arange(12)))
    assert 3.5 < np.median(plain) < 4.5
    assert 2.6 < np.median(smoothed) < 3.4
    assert np.mean(smoothed < plain) > 0.8


@pytest.mark.full
def test_sharp_stable_points_attract_small_steps_only():
    game = sampled(5, 1)
    found = gs.analysis.find_equilibria(game, (jnp.linspace(-3.0, 1.0, 401), jnp.full(401, level(game))), tol=1e-3)
    stable = [players for players, certificate in found if certificate.stable and abs(players[0]) < 5]
    assert len(stable) == 4
    for players in stable:
        bend = -float(gs.analysis.jacobian(game, players)[0, 0])
        assert gs.analysis.critical_step(game, gs.simgd, players) == pytest.approx(1 / bend, rel=1e-2)


def test_the_relaxation_of_the_cosine_game_makes_centres_and_saddles_stable_and_a_small_share_of_it_centres_only():
    cosine = gs.games.cosine()

    def field(a, gamma, point):
        relaxed = jax.grad(lambda x, y: -sum(entry**2 for entry in cosine.field((x, y))) / 2, (0, 1))(*point)
        return jnp.stack([a * own + gamma * other for own, other in zip(cosine.field(point), relaxed, strict=True)])

    points = jnp.array(cosine.equilibria)
    bend = jax.jit(jax.vmap(jax.jacfwd(lambda a, gamma, z: field(a, gamma, (z[0], z[1])), 2), (None, None, 0)))
    leading = lambda a, gamma: np.linalg.eigvals(bend(a, gamma, points)).real.max(axis=1)
    np.testing.assert_allclose(leading(0.0, 1.0), -1, atol=1e-5)
    np.testing.assert_allclose(leading(1.0, 0.5), [-0.5, -0.5, 0.5, 0.5], atol=1e-5)


def test_the_gradient_part_is_what_symplectic_surgery_follows():
    game = gs.games.random_quadratic(jax.random.key(0), (6, 4), rotation=0.8)
    attract, _ = gs.analysis.split_jacobian(game, game.start)(game.start)
    end = gs.solve(game, gs.lss(1.0, 0.0), game.start, 1).players
    for own, start, part in zip(end, game.start, attract, strict=True):
        np.testing.assert_allclose(own - start, part, atol=1e-4)


def test_the_gradient_part_trains_no_generator_without_curvature():
    game = gan.mean_estimation(jnp.ones(3), regularisers=(gan.r1(1.0),)).game
    generator, discriminator = gs.solve(game, gs.lss(0.3, 0.0), game.start, 100).players
    np.testing.assert_allclose(generator, game.start[0], atol=1e-3)
    np.testing.assert_allclose(discriminator, 0, atol=1e-3)
    whole, _ = gs.solve(game, gs.simgd(0.3), game.start, 100).players
    np.testing.assert_allclose(whole, 1, atol=1e-3)


@pytest.mark.full
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("kappa", "reached"), [(1.0, True), (0.5, False)])
def test_the_gradient_part_converges_to_nash_equilibria_only(kappa, reached):
    game = gan.bias_plane(gan.Bump(kappa)).game
    end = gs.solve(game, gs.lss(0.1), (0.1, 0.1), 1000).players
    assert (np.hypot(*end) < 1e-6) == reached
    assert (np.hypot(*game.field(end)) < 1e-6) == reached  # where it stops instead, the field is not zero
