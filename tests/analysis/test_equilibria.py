"""All zeros of the field from many starts, and all fixed points of a solver."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")
pytest.importorskip("optimistix")

PI = float(np.pi)
TORUS = ((-PI, -PI), (PI, PI))


def starts(num, low=TORUS[0], high=TORUS[1]):
    return gs.analysis.sample_box(jax.random.key(0), low, high, num)


def test_all_zeros_of_the_cosine_game_on_the_torus():
    game = gs.games.cosine()
    found = gs.analysis.find_equilibria(game, starts(64), period=2 * PI)
    kinds = {tuple(np.mod(np.round(np.array(players) / PI, 6), 2)): point.kind for players, point in found}
    assert kinds == {
        (0, 0.5): "centre, not Nash",
        (1, 1.5): "centre, not Nash",
        (0, 1.5): "saddle, not Nash",
        (1, 0.5): "saddle, not Nash",
    }
    assert max(float(point.margins.residual) for _, point in found) < 1e-12


@pytest.mark.parametrize(("gamma", "points", "spurious"), [(0.9, 4, 0), (1.7, 8, 2), (10.0, 16, 2)])
def test_consensus_on_the_cosine_game_gains_spurious_attractors_beyond_one(gamma, points, spurious):
    game = gs.games.cosine()
    found = gs.analysis.find_fixed_points(game, gs.conopt(0.01, gamma=gamma), starts(128), period=2 * PI)
    assert len(found) == points
    zeros = [point for point in found if point.attraction.is_equilibrium]
    assert len(zeros) == 4
    assert sum(bool(point.attraction.attracting) for point in zeros) == 2 + spurious
    saddles = [point.players for point in zeros if point.attraction.spurious]
    assert len(saddles) == spurious
    assert all(abs(float(phi) * float(jnp.cos(theta)) + PI / 2) < 1e-6 for theta, phi in saddles)
    others = [point for point in found if not point.attraction.is_equilibrium]
    assert not any(bool(point.attraction.attracting) for point in others)
    squares = [(float(jnp.sin(theta) ** 2), float(jnp.cos(phi) ** 2)) for (theta, phi), _ in others]
    if 1 < gamma < np.sqrt(3):
        np.testing.assert_allclose(squares, np.full((points - 4, 2), 1 - 1 / gamma**2), atol=1e-9)


@pytest.mark.full
def test_a_sigmoid_gan_has_no_finite_equilibrium_and_a_bump_one():
    box = starts(4, (-3.0, -3.0), (3.0, 3.0))
    far = starts(4, (10.0, -40.0), (40.0, -10.0))  # here the field has all but vanished
    both = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), box, far)
    assert gs.analysis.find_equilibria(gs.games.gan.bias_plane(gs.games.gan.Sigmoid()).game, both) == []
    (only,) = gs.analysis.find_equilibria(gs.games.gan.bias_plane(gs.games.gan.Bump(0.5)).game, box)
    np.testing.assert_allclose(only.players, (0, 0), atol=1e-8)
    assert only.certificate.stable


@pytest.mark.full
def test_the_root_finder_is_an_argument_and_starts_may_be_a_list_of_odd_trees():
    import optimistix

    game = gs.general_sum(lambda x, y: -jnp.sum((x["a"] - y[0]) ** 2), lambda x, y: -((y[0] - 1) ** 2) + 0 * x["a"][0])
    origin = ({"a": jnp.zeros(2)}, (0.0,))
    newton = optimistix.Newton(rtol=1e-10, atol=1e-10)
    (only,) = gs.analysis.find_equilibria(game, [origin, ({"a": jnp.ones(2)}, (3.0,))], finder=newton)
    np.testing.assert_allclose(only.players[0]["a"], [1, 1])
    assert only.certificate.kind == "stable, Nash"


def test_requests_that_can_not_be_served_say_what_to_do(monkeypatch):
    game = gs.games.cosine()
    with pytest.raises(ValueError, match="must share one leading axis"):
        gs.analysis.find_equilibria(game, (0.0, 1.0))
    with pytest.raises(ValueError, match="empty list"):
        gs.analysis.find_equilibria(game, [])
    wide = (jnp.zeros((8, 6000)), jnp.zeros((8, 1)))
    with pytest.raises(ValueError, match=r"8 starts .* 6001 x 6001 each take 2.1 GiB.*gamesolve.newton"):
        gs.analysis.find_equilibria(gs.zero_sum(lambda x, y: jnp.sum(x) * y[0]), wide)
    monkeypatch.setitem(sys.modules, "optimistix", None)
    with pytest.raises(ImportError, match=r"pip install .*\[analysis\]'"):
        gs.analysis.find_equilibria(game, starts(3))
