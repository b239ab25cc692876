"""Lazy second order: the method's own formula in numpy, and the experiment of its paper."""

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve.linear import shifted


def payoff(x, y, A, b, R):
    square = x @ x
    length = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
    return R / 6 * length**3 + y @ (A @ x - b)


def cubic_game(size):
    """Return the cubic-regularised bilinear game of the paper, and the Lipschitz constant of its Jacobian."""
    R = 1 / (20 * size)
    A, b = np.eye(size) - np.diag(np.ones(size - 1), 1), np.random.default_rng(0).choice([-1.0, 1.0], size)
    constants = (jnp.asarray(A), jnp.asarray(b), R)
    return gs.zero_sum(payoff, constants=constants), (jnp.zeros(size), jnp.zeros(size)), R


def by_hand(game, start, weight, period, steps):
    """Take the steps with dense solves, and bisection for the shift; return the end and the residuals at ``z - s``."""
    flat, unravel = jax.flatten_util.ravel_pytree(start)
    field = jax.jit(lambda z: -jax.flatten_util.ravel_pytree(game.field(unravel(z)))[0])
    jacobian, z, residuals = jax.jit(jax.jacfwd(field)), np.asarray(flat), []
    for t in range(steps):
        if t % period == 0:
            J = np.asarray(jacobian(z))
        u = np.asarray(field(z))
        solve = lambda shift, J=J, u=u: np.linalg.solve(J + shift * np.eye(len(u)), u)
        low, high = 1e-15, np.sqrt(weight * np.linalg.norm(u)) + 1e-15
        for _ in range(100):
            middle = np.sqrt(low * high)
            low, high = (middle, high) if middle < weight * np.linalg.norm(solve(middle)) else (low, middle)
        s = solve(high)
        ahead = np.asarray(field(z - s))
        residuals.append(np.linalg.norm(ahead))
        z = z - ahead / high
    return z, np.array(residuals)


@pytest.mark.parametrize("period", [1, 3])
def test_lazy_extra_newton_by_hand(period, x64):
    game, start, R = cubic_game(6)
    weight = R * period
    expected, residuals = by_hand(game, start, weight, period, 7)
    solver = gs.lazy_extra_newton(regularisation=weight, period=period)
    record = lambda players, state: optax.tree.norm(game.field(optax.tree.get(state, "ahead")))
    solution = gs.solve(game, solver, start, 7, record=record)
    np.testing.assert_allclose(np.concatenate(solution.players), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(solution.trace, residuals, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "counts"),
    [(20, {1: 15, 2: 20}), pytest.param(100, {1: 16, 2: 22}, marks=pytest.mark.full)],
)
def test_the_experiment_of_the_paper(size, counts, x64):
    """Steps and factorisations until the field at the end of a Newton step is below 1e-8, as its authors measure."""
    game, start, R = cubic_game(size)
    for period, expected in counts.items():
        solver = gs.lazy_extra_newton(regularisation=R * period, period=period)

        def record(players, state):
            ahead, products = optax.tree.get(state, "ahead"), optax.tree.get(state, "iterations")
            return optax.tree.norm(game.field(ahead)), products

        residuals, products = gs.solve(game, solver, start, 60, record=record).trace
        steps = int(np.argmax(residuals < 1e-8)) + 1
        assert abs(steps - expected) <= 1
        assert int(np.sum(products[:steps] > 0)) == -(-steps // period)


def test_the_players_converge_beyond_the_square_root_of_the_precision(x64):
    game, start, R = cubic_game(6)
    solution = gs.solve(game, gs.lazy_extra_newton(regularisation=R), start, 100, tol=1e-11)
    assert solution.status == gs.Status.CONVERGED


def test_one_reduction_solves_all_shifts(x64):
    rng = np.random.default_rng(0)
    for size in (1, 2, 7):
        A, b = rng.normal(size=(size, size)), rng.normal(size=size)
        form = jax.jit(shifted.reduce_to_hessenberg)(A)
        np.testing.assert_allclose(form.basis @ form.reduced @ form.basis.T, A, atol=1e-13)
        np.testing.assert_allclose(np.tril(form.reduced, -2), 0, atol=1e-13)
        for shift in (0.0, 0.5, 100.0):
            expected = np.linalg.solve(A + shift * np.eye(size), b)
            np.testing.assert_allclose(jax.jit(shifted.solve_shifted)(form, shift, b), expected, rtol=1e-9)


def test_derivatives_of_the_cubic_step_are_those_of_differences(x64):
    rng = np.random.default_rng(1)
    A = rng.normal(size=(5, 5))
    A, b = jnp.asarray(A - A.T + 0.1 * np.eye(5)), jnp.asarray(rng.normal(size=5))
    value = jax.jit(lambda A, b, weight: jnp.sum(shifted.solve_cubic(shifted.reduce_to_hessenberg(A), b, weight)[0]))
    slopes = jax.jit(jax.grad(value, (0, 1, 2)))(A, b, 0.7)
    turned = jnp.asarray(rng.normal(size=(5, 5)))
    for direction in ((turned, 0 * b, 0.0), (0 * A, b, 0.0), (0 * A, 0 * b, 1.0)):
        ends = [value(*(a + h * d for a, d in zip((A, b, 0.7), direction, strict=True))) for h in (1e-6, -1e-6)]
        along = sum(jnp.sum(s * d) for s, d in zip(slopes, direction, strict=True))
        np.testing.assert_allclose(along, (ends[0] - ends[1]) / 2e-6, rtol=1e-5)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="regularisation must be finite and above 0"):
        gs.lazy_extra_newton(regularisation=0.0).init((1.0, 1.0))
    with pytest.raises(ValueError, match="period must be at least 1, got 0"):
        gs.lazy_extra_newton(period=0).init((1.0, 1.0))
