"""The field along lines and on planes, in the plane and out of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")


def test_the_path_angle_of_a_pull_changes_sign_at_the_end_and_that_of_a_turn_stays_zero():
    game = lambda c: gs.zero_sum(lambda x, y, c: c[0] * (x**2 - y**2) / 2 + c[1] * x * y, constants=(c,))
    a, cosine, norm = gs.analysis.path_angle(game(jnp.array([2.0, 0.0])), (3.0, 4.0), (0.0, 0.0))
    assert a.shape == cosine.shape == norm.shape == (101,)
    assert (float(a[0]), float(a[-1])) == (pytest.approx(-0.1), pytest.approx(1.1))
    np.testing.assert_allclose(norm, 10 * np.abs(1 - a), atol=1e-12)
    off = np.abs(1 - a) > 1e-9
    np.testing.assert_allclose(cosine[off], np.where(a[off] < 1, -1, 1), atol=1e-12)
    _, turning, _ = gs.analysis.path_angle(game(jnp.array([0.0, 1.0])), (3.0, 4.0), (0.0, 0.0))
    np.testing.assert_allclose(turning, 0, atol=1e-12)
    _, both, _ = gs.analysis.path_angle(game(jnp.array([1.0, 1.0])), (3.0, 4.0), (0.0, 0.0), num=3, low=0, high=0.5)
    np.testing.assert_allclose(both, -np.sqrt(0.5), atol=1e-12)
    with pytest.raises(ValueError, match="same players"):
        gs.analysis.path_angle(game(jnp.ones(2)), (1.0, 2.0), (1.0, 2.0))


def odd(x, y):
    return jnp.sum(jnp.sin(x["a"][0])) * y[0][0] + x["a"][1] ** 2 * y[0][1] - y[0][1] ** 2


ORIGIN = ({"a": (np.array([0.1, 0.2, 0.3]), 0.4)}, (np.array([0.5, 0.6]),))


def test_a_slice_and_what_leaves_it_make_up_the_field_on_odd_trees():
    game = gs.zero_sum(odd)
    flat, unravel = jax.flatten_util.ravel_pytree(ORIGIN)
    first, second = np.random.default_rng(0).normal(size=(2, flat.size))
    directions = (unravel(jnp.array(first)), unravel(jnp.array(second)))
    picture = gs.analysis.slice_field(game, ORIGIN, directions, low=(-1, 0), high=(1, 2), num=5)
    points = gs.analysis.slice_points(ORIGIN, directions, picture.a, picture.b)
    fields = jax.jit(jax.vmap(lambda players: jax.flatten_util.ravel_pytree(game.field(players))[0]))(points)
    fields = np.asarray(fields).reshape(5, 5, -1)
    basis = np.stack([first, second])
    rest = fields - np.asarray(picture.motion) @ basis
    np.testing.assert_allclose(rest @ basis.T, 0, atol=1e-12)
    np.testing.assert_allclose(picture.out, np.linalg.norm(rest, axis=-1), atol=1e-12)
    np.testing.assert_allclose(picture.norm, np.linalg.norm(fields, axis=-1), atol=1e-12)
    assert float(jnp.min(picture.out)) > 0


def test_a_slice_of_two_parameters_is_their_plane():
    game = gs.zero_sum(odd)
    directions = (gs.analysis.axis(ORIGIN, 3), gs.analysis.axis(ORIGIN, 5))
    picture = gs.analysis.slice_field(game, ORIGIN, directions, num=3)
    v = jax.jit(game.field)(ORIGIN)
    np.testing.assert_allclose(picture.motion[1, 1], [v[0]["a"][1], v[1][0][1]], atol=1e-12)
    with pytest.raises(ValueError, match="two parallel trees"):
        gs.analysis.slice_field(game, ORIGIN, (directions[0], directions[0]))
    with pytest.raises(ValueError, match="parameters 0 to 5"):
        gs.analysis.axis(ORIGIN, 6)


@pytest.mark.parametrize(("kappa", "time", "weight"), [(0.5, 0.284, 1.156), (1.0, 0.304, 0.946)])
def test_the_weight_plane_of_the_bump_gan_collapses(kappa, time, weight):
    game = gs.games.gan.weight_plane(gs.games.gan.Bump(kappa)).game
    picture = gs.analysis.slice_field(game, (0.0, 0.0), low=(0.2, 0.9), high=(1.0, 1.1), num=5)
    assert float(jnp.max(picture.motion[..., 0])) < 0  # everywhere the generator's weight shrinks
    path = gs.solve(game, gs.runge_kutta(5e-4), game.start, 620, record=lambda players, _: players).trace
    hit = int(jnp.argmax(~(path[0] > 0.1)))
    # Near zero the weight falls as 2 sqrt(time left).
    assert (hit + 1) * 5e-4 + float(path[0][hit]) ** 2 / 4 == pytest.approx(time, abs=1e-3)
    assert float(path[1][hit]) == pytest.approx(weight, abs=3e-2)
