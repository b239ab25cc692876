"""Derivatives of equilibria in what their games hold, against closed forms and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import linear

pytestmark = pytest.mark.usefixtures("x64")


def solved(c):
    """Return x of the zero of x^2/2 + c x y - y^2/2 + y: -c/(1 + c^2)."""
    game = gs.zero_sum(lambda x, y, c: x**2 / 2 + c * x * y - y**2 / 2 + y, constants=(c,))
    players = gs.solve(jax.lax.stop_gradient(game), gs.simgd(0.2), (0.0, 0.0), 300).players
    return gs.analysis.differentiable_equilibrium(game, players)[0]


def test_both_modes_and_the_second_derivative_of_a_closed_form():
    exact = lambda c: -c / (1 + c * c)
    together = lambda c: (solved(c), jax.jvp(solved, (c,), (1.0,))[1], *jax.jvp(jax.grad(solved), (c,), (1.0,)))
    value, forward, first, second = jax.jit(together)(2.0)
    assert float(value) == pytest.approx(exact(2.0), abs=1e-12)
    assert float(first) == pytest.approx(float(jax.grad(exact)(2.0)), abs=1e-12)
    assert float(forward) == pytest.approx(float(first), abs=1e-12)
    assert float(second) == pytest.approx(float(jax.grad(jax.grad(exact))(2.0)), abs=1e-12)


def test_arrays_that_a_payoff_closes_over():
    def closed_over(c):
        game = gs.zero_sum(lambda x, y: x**2 / 2 + c * x * y - y**2 / 2 + y)
        return gs.analysis.differentiable_equilibrium(game, (-0.4, 0.2))[0]

    assert float(jax.jit(jax.grad(closed_over))(2.0)) == pytest.approx(0.12, abs=1e-12)


def outcome(constants, data, start):
    """Return a number of the equilibrium of three players with curved payoffs."""
    game = gs.general_sum(
        lambda a, b, c, k, d: -jnp.sum((a["w"] - k * b) ** 2) - jnp.sum(jnp.cosh(a["w"] * c[0])) * jnp.mean(d),
        lambda a, b, c, k, d: -((b - jnp.sum(jnp.sin(a["w"])) - k * c[0]) ** 2) + 0 * jnp.sum(d),
        lambda a, b, c, k, d: -((c[0] + b - jnp.mean(d)) ** 2) - c[0] * jnp.sum(a["w"] ** 2),
        constants=constants,
    ).bind(data)
    players = gs.solve(jax.lax.stop_gradient(game), gs.simgd(0.1), start, 2000).players
    a, b, c = gs.analysis.differentiable_equilibrium(game, players)
    return jnp.sum(a["w"] ** 3) + b * c[0], jnp.max(jnp.abs(jax.flatten_util.ravel_pytree(game.field(players))[0]))


def test_three_players_in_constants_and_data_against_finite_differences():
    start = ({"w": jnp.array([0.1, 0.2])}, 0.3, (0.4,))
    arguments = ((0.3,), jnp.array([0.5, 0.9]))
    run = jax.jit(lambda k, d: outcome(k, d, start))
    (_, left), gradient = jax.value_and_grad(run, (0, 1), has_aux=True)(*arguments)
    assert left < 1e-12
    flat, unravel = jax.flatten_util.ravel_pytree(arguments)
    value = lambda vector: float(run(*unravel(vector))[0])
    h = 1e-5
    expected = [(value(flat + h * unit) - value(flat - h * unit)) / (2 * h) for unit in np.eye(flat.size)]
    np.testing.assert_allclose(jax.flatten_util.ravel_pytree(gradient)[0], expected, atol=1e-8)
    assert np.min(np.abs(expected)) > 1e-3


def test_a_large_game_is_solved_by_products_also_where_only_one_player_is_touched():
    size = 2 * linear.DENSE_LIMIT
    turn = 0.5 * np.roll(np.eye(size), 1, axis=0) + 0.2 * np.eye(size)
    J = np.block([[-np.eye(size), -turn], [turn.T, -np.eye(size)]])
    b, weights = np.linspace(-1, 1, size), np.cos(np.arange(size))
    at = -np.linalg.solve(J, np.concatenate([-b, 0 * b]))

    def reached(b):
        game = gs.zero_sum(lambda x, y, b: x @ x / 2 + x @ (turn @ y) - y @ y / 2 + b @ x, constants=(b,))
        return weights @ gs.analysis.differentiable_equilibrium(game, (at[:size], at[size:]))[0]

    expected = np.linalg.solve(J.T, np.concatenate([weights, 0 * weights]))[:size]
    np.testing.assert_allclose(jax.jit(jax.grad(reached))(jnp.array(b)), expected, atol=1e-10)


def test_the_perturbations_of_a_smoothed_game_may_stay_constants():
    def end(scale):
        bumpy = gs.general_sum(lambda x: -((x - 1) ** 2) + jnp.cos(x))
        game = gs.analysis.smooth(bumpy, scale, 50, jax.random.key(0))
        players = gs.solve(jax.lax.stop_gradient(game), gs.simgd(0.3), (0.7,), 200).players
        return gs.analysis.differentiable_equilibrium(game, players)[0]

    values, slope = jax.jit(lambda scale: (jax.vmap(end)(scale + jnp.array([-1e-5, 1e-5])), jax.grad(end)(scale)))(0.3)
    assert float(slope) == pytest.approx(float(values[1] - values[0]) / 2e-5, abs=1e-8)
