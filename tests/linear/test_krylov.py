from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import linear
from gamesolve.linear import krylov, solves

SIZE = linear.DENSE_LIMIT + 6


def orthogonal(rng, size=SIZE):
    return np.linalg.qr(rng.normal(size=(size, size)))[0]


def maps(values, seed=0):
    """Return a symmetric and a general matrix with given eigenvalues, in turn, and a right-hand side of norm one."""
    rng = np.random.default_rng(seed)
    basis, other = orthogonal(rng), orthogonal(rng) + 0.3 * rng.normal(size=(SIZE, SIZE)) / np.sqrt(SIZE)
    diagonal, rhs = np.resize(values, SIZE), rng.normal(size=SIZE)
    symmetric, general = (basis * diagonal) @ basis.T, (other * diagonal) @ np.linalg.inv(other)
    return {"minres": symmetric, "gmres": general}, rhs / np.linalg.norm(rhs)


CYCLES = {"minres": krylov.minres, "gmres": partial(krylov.gmres, space=20)}


@partial(jax.jit, static_argnames="name")
def run(name, matrix, rhs, goal, limit):
    return CYCLES[name](lambda x: matrix @ x, rhs, goal, limit)


@pytest.mark.parametrize("name", CYCLES)
def test_a_cycle_takes_as_many_iterations_as_there_are_eigenvalues(name, x64):
    for values in ([2.0], [-1.0, 3.0], [-2.0, -1.0, 0.5, 1.0, 4.0]):
        matrices, rhs = maps(values)
        x, iterations = run(name, matrices[name], rhs, 1e-11, 50)
        assert iterations == len(values)
        np.testing.assert_allclose(matrices[name] @ x, rhs, atol=1e-10)


@pytest.mark.parametrize("name", CYCLES)
def test_the_residual_is_the_least_over_the_krylov_space(name, x64):
    matrices, rhs = maps(np.random.default_rng(1).normal(size=SIZE))
    matrix, space = matrices[name], [rhs]
    for count in range(1, 9):
        x, iterations = run(name, matrix, rhs, 1e-14, count)
        assert iterations == count
        basis = np.linalg.qr(np.stack(space, axis=1))[0]
        least = np.linalg.lstsq(matrix @ basis, rhs, rcond=None)[0]
        np.testing.assert_allclose(x, basis @ least, rtol=1e-8, atol=1e-10)
        space.append(matrix @ space[-1])


@pytest.mark.parametrize("name", CYCLES)
def test_a_map_that_leaves_nothing_to_iterate_on_ends_the_cycle(name):
    rhs = np.eye(SIZE, dtype=np.float32)[0]
    x, iterations = run(name, np.eye(SIZE, dtype=np.float32), rhs, 1e-6, 50)
    np.testing.assert_array_equal(x, rhs)
    assert iterations == 1
    _, iterations = run(name, np.zeros((SIZE, SIZE), np.float32), rhs, 1e-6, 50)
    assert iterations == 1


def test_gmres_of_half_a_million_unknowns_in_float32_takes_one_cycle():
    """Here a basis that is not orthogonalised with care, or projections summed in order, make a cycle stall."""
    size, count = 500_000, 12
    diagonal = jnp.resize(jnp.linspace(1.0, 3.0, count), size)
    rhs = jax.random.uniform(jax.random.key(0), (size,))
    solve = jax.jit(lambda rhs: linear.solve_general(lambda x: diagonal * x, rhs, jnp.zeros_like(rhs), 1e-6))
    x, iterations = solve(rhs)
    assert iterations <= count
    assert float(jnp.linalg.norm(diagonal * x - rhs) / jnp.linalg.norm(rhs)) < 1e-6


def zero_sum(seed, size=SIZE):
    """Return a zero-sum quadratic, its Jacobian and a start."""
    rng = np.random.default_rng(seed)
    A, B, C = (rng.normal(size=(size, size)) / np.sqrt(size) for _ in range(3))
    A, C = A @ A.T / 4 + np.eye(size) / 10, C @ C.T / 4 + np.eye(size) / 10
    game, start = gs.games.quadratic(A, B, C), (rng.normal(size=size), rng.normal(size=size))
    return game, np.asarray(gs.analysis.jacobian(game, start)), start


@jax.jit
def implicit_step(game, part, start):
    return part.update(game.field(start), part.init(start), start, game=game)


def assert_implicit_step(game, J, start, rates):
    """Compare an implicit step with the dense solve; ``rates`` is a number, an array, or one number for each player."""
    each = np.concatenate(
        [np.broadcast_to(rate, SIZE) for rate in (rates if isinstance(rates, tuple) else (rates, rates))]
    )
    expected = np.linalg.solve(np.eye(2 * SIZE) - J * each, np.concatenate(game.field(start)))
    part = gs.transforms.proximal(rates)
    moved, state = implicit_step(game, part, start)
    np.testing.assert_allclose(np.concatenate(moved), expected, rtol=1e-8, atol=1e-9)
    assert int(optax.tree.get(state, "status")) == linear.Outcome.SOLVED


RATES = {"number": 0.7, "numbers": (0.7, 0.05), "zero": (0.0, 0.7), "zeros": 0.0, "array": np.asarray(0.7)}


@pytest.mark.parametrize("name", RATES)
def test_implicit_steps_of_large_zero_sum_games_equal_the_dense_solve(name, x64):
    assert_implicit_step(*zero_sum(2), RATES[name])


def test_derivatives_of_implicit_steps_in_the_step_sizes_also_at_zero(x64):
    game, J, start = zero_sum(3)
    move, weights = np.concatenate(game.field(start)), np.cos(np.arange(2 * SIZE))

    def value(rates):
        part = gs.transforms.proximal((rates[0], rates[1]))
        moved, _ = part.update(game.field(start), part.init(start), start, game=game)
        return jnp.concatenate(moved) @ weights

    def dense(rates):
        each = jnp.repeat(rates, SIZE, total_repeat_length=2 * SIZE)
        return jnp.linalg.solve(jnp.eye(2 * SIZE) - J * each, move) @ weights

    ours, theirs = (jax.jit(jax.grad(function)) for function in (value, dense))
    for rates in ((0.3, 0.6), (0.0, 0.6)):
        np.testing.assert_allclose(ours(jnp.array(rates)), theirs(jnp.array(rates)), rtol=1e-7)


def test_newton_steps_of_large_zero_sum_games_are_as_symmetric_as_their_hessian(x64):
    game, J, start = zero_sum(4)
    solution = gs.solve(game, gs.newton(1.0), start, 1)
    np.testing.assert_allclose(np.concatenate(solution.players), 0, atol=1e-9)
    assert 0 < int(optax.tree.get(solution.state, "iterations")) < 3 * SIZE
    halves = lambda z: (z[:SIZE], z[SIZE:])
    mirrored = np.stack([np.concatenate(gs.products.mirror(halves(column))) for column in J.T], axis=1)
    np.testing.assert_allclose(mirrored, mirrored.T, atol=1e-12)


def curved(condition, coupling, dtype):
    """Return a zero-sum quadratic with own curvatures between 1 and ``condition``, its Jacobian and a start."""
    rng = np.random.default_rng(0)
    A, C = ((basis * np.geomspace(1, condition, SIZE)) @ basis.T for basis in (orthogonal(rng), orthogonal(rng)))
    B = coupling * rng.normal(size=(SIZE, SIZE)) / np.sqrt(SIZE)
    game = gs.games.quadratic(*(jnp.asarray(block, dtype) for block in (A, B, C)))
    return game, np.block([[-A, -B], [B.T, -C]]), tuple(jnp.asarray(rng.normal(size=SIZE), dtype) for _ in range(2))


@pytest.mark.parametrize(("condition", "coupling"), [(100, 0.1), (100, 10.0), (1000, 0.1), (1000, 30.0)])
def test_newton_solves_pulling_and_turning_games_at_its_default_settings(condition, coupling):
    """Where players' own curvatures lead, cycles of GMRES converge; where the coupling does, they stall."""
    game, J, start = curved(condition, coupling, jnp.float32)
    solution = gs.solve(game, gs.newton(), start, 1)
    assert int(optax.tree.get(solution.state, "status")) == linear.Outcome.SOLVED
    assert np.linalg.norm(J @ np.concatenate(solution.players)) < 1e-5 * np.linalg.norm(J @ np.concatenate(start))


@pytest.mark.parametrize("rates", [(1.0, 1e-8), (1.0, 1e-12), (100.0, 0.01)])
def test_implicit_steps_of_very_different_sizes(rates, x64):
    assert_implicit_step(*curved(10, 0.1, jnp.float64), rates)


@pytest.mark.parametrize("solve", [linear.solve_symmetric, linear.solve_general])
@pytest.mark.parametrize("share", [0.0, 1e-3, 0.05])
def test_singular_systems_are_solved_as_far_as_they_can_be(solve, share):
    """Of the right-hand side a share lies in the null space: that is what is left, and x does not grow for it."""
    rng = np.random.default_rng(0)
    basis, values, rhs = orthogonal(rng), np.linspace(1, 2, SIZE), rng.normal(size=SIZE)
    values[: SIZE // 10] = rhs[: SIZE // 10] = 0
    rhs /= np.linalg.norm(rhs)
    rhs[0] = share
    matrix, rhs = np.float32((basis * values) @ basis.T), np.float32(basis @ rhs)
    x, _ = jax.jit(lambda rhs: solve(lambda x: matrix @ x, rhs, 0 * rhs, 1e-6))(rhs)
    assert np.linalg.norm(matrix @ x - rhs) == pytest.approx(share, rel=1e-2, abs=1e-5)
    assert np.linalg.norm(x) < 1


def test_many_unknowns_with_weights_by_minres_alone(monkeypatch, x64):
    monkeypatch.setattr(solves, "LONG", SIZE)
    for rates in (0.7, (1.0, 1e-8), (0.0, 0.7)):
        assert_implicit_step(*zero_sum(5), rates)
