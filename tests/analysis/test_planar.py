"""The Helmholtz split: exact on linear fields, second-order accurate on others, and the game of its gradient part."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs

pytestmark = pytest.mark.usefixtures("x64")

LINEAR = gs.general_sum(
    lambda x, y, J: x * (J[0, 0] * x / 2 + J[0, 1] * y), lambda x, y, J: y * (J[1, 0] * x + J[1, 1] * y / 2)
)


def split(game, num=41, low=(-1.0, -2.0), high=(1.5, 1.0)):
    picture = gs.analysis.slice_field(game, (0.0, 0.0), low=low, high=high, num=num)
    return picture.motion, gs.analysis.helmholtz(picture)


def linear(*rows):
    return gs.general_sum(*LINEAR.payoffs, constants=(jnp.array(rows),))


def size(part):
    return float(np.sqrt(np.mean(np.square(part))))


@pytest.mark.parametrize(
    ("game", "zero", "parts"),
    [
        (linear([0.0, -1.0], [1.0, 0.0]), ["gradient"], ["rotational", "harmonic"]),
        (linear([-1.0, 0.0], [0.0, -1.0]), ["rotational"], ["gradient", "harmonic"]),
        (linear([1.0, 2.0], [2.0, -1.0]), ["gradient", "rotational"], ["harmonic"]),
    ],
    ids=["turn", "pull", "saddle"],
)
def test_linear_fields(game, zero, parts):
    motion, found = split(game)
    parts_sum = np.sum([found.gradient, found.rotational, found.harmonic], axis=0)
    np.testing.assert_allclose(parts_sum, motion, atol=1e-12)
    assert all(size(getattr(found, name)) < 1e-12 for name in zero)
    assert all(size(getattr(found, name)) > 0.1 for name in parts)


def test_the_parts_of_a_curved_field_are_at_right_angles_to_second_order():
    ascent = lambda x, y: jnp.sin(2 * x + y) * jnp.exp(y)
    wrong = []
    for num in (21, 41):
        _, found = split(gs.general_sum(ascent, ascent), num)
        weights = np.concatenate([[0.5], np.ones(num - 2), [0.5]]) / (num - 1)
        overlap = weights @ np.sum(np.asarray(found.gradient) * np.asarray(found.harmonic), -1) @ weights
        wrong.append((size(found.rotational), abs(float(overlap))))
    ratios = np.array(wrong[0]) / np.array(wrong[1])
    assert np.all(ratios > 3.2), ratios
    assert wrong[1][0] < 1e-2


def test_the_potential_is_zero_on_the_boundary_and_its_field_the_gradient_part_between_the_points_too():
    motion, found = split(linear([-1.0, 3.0], [-3.0, -0.5]))
    del motion
    np.testing.assert_allclose(found.potential[0], 0, atol=1e-12)
    np.testing.assert_allclose(found.stream[:, -1], 0, atol=1e-12)
    game = gs.analysis.gradient_game(found)
    field, gradient = jax.jit(game.field), np.asarray(found.gradient)
    a, b = np.asarray(found.a), np.asarray(found.b)
    np.testing.assert_allclose(field((a[7], b[30])), gradient[7, 30], atol=1e-12)
    between = (gradient[7, 30] + gradient[8, 30]) / 2
    np.testing.assert_allclose(field(((a[7] + a[8]) / 2, b[30])), between, atol=1e-3)
    J = gs.analysis.jacobian(game, (0.3, -0.2))
    np.testing.assert_allclose(J, J.T, atol=1e-12)  # no rotation
    end = gs.solve(game, gs.simgd(0.2), game.start, 300).players
    assert np.hypot(*field(end)) < 1e-9


def test_a_grid_needs_an_inside():
    with pytest.raises(ValueError, match="got 2 x 2 points"):
        split(linear([0.0, 1.0], [1.0, 0.0]), num=2)
