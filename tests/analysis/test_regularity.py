"""Sampled constants of regions, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")


def box(num=20):
    return gs.analysis.sample_box(jax.random.key(0), (-1.0, -1.0), (1.0, 1.0), num)


def test_constants_of_quadratic_games():
    game = lambda c: gs.zero_sum(lambda x, y, c: c[0] * x**2 / 2 + c[1] * x * y - c[2] * y**2 / 2, constants=(c,))
    for a, b, c in ((2.0, 3.0, 1.0), (1.0, 2.0, -0.5), (0.3, 1.0, 0.3)):
        curved = game(jnp.array([a, b, c]))
        J = np.array([[-a, -b], [b, -c]])
        assert float(gs.analysis.monotonicity(curved, box())) == pytest.approx(min(a, c))
        assert float(gs.analysis.lipschitz(curved, box())) == pytest.approx(np.linalg.norm(J, 2))
        if a == c:  # then v rotates and attracts all points equally
            rho = float(gs.analysis.weak_minty(curved, box(), (0.0, 0.0)))
            assert rho == pytest.approx(a / (a**2 + b**2))


def test_curved_games_are_sampled():
    game = gs.general_sum(lambda x: -(x**4) / 12)
    points = [(x,) for x in (-2.0, 0.5, 1.0)]
    assert float(gs.analysis.monotonicity(game, points)) == pytest.approx(0.25)
    assert float(gs.analysis.lipschitz(game, points)) == pytest.approx(4.0)
    assert float(gs.analysis.weak_minty(game, points, (0.0,))) == pytest.approx(3 / 4)
    assert float(gs.analysis.weak_minty(game, [(0.0,)], (0.0,))) == np.inf  # points with v = 0 are ignored


def test_a_point_that_repels_has_a_negative_constant():
    game = gs.general_sum(lambda x: x**2 / 2)
    assert float(gs.analysis.weak_minty(game, [(1.0,)], (0.0,))) == pytest.approx(-1.0)
