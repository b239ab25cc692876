"""PDHG and adaptive restarts: against the rule in numpy, and against the linear programs that HiGHS solves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.optimize

import gamesolve as gs
from gamesolve import games

pytestmark = pytest.mark.usefixtures("x64")

SETS = games.simplices(2)


def step_size(M):
    return 0.95 / np.linalg.norm(M, 2)


def value(M):
    """Return the value of the game in which rows minimise ``x^T M y``, by linear programming."""
    rows, columns = M.shape
    answer = scipy.optimize.linprog(
        np.r_[np.zeros(rows), 1],
        A_ub=np.c_[M.T, -np.ones(columns)],
        b_ub=np.zeros(columns),
        A_eq=[np.r_[np.ones(rows), 0]],
        b_eq=[1],
        bounds=[(0, None)] * rows + [(None, None)],
        method="highs",
    )
    return answer.fun


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.full) for seed in (0, 2))])
def test_restarts_reach_the_value_of_a_game_of_a_hundred_actions(seed):
    game = games.random_matrix_game(jax.random.key(seed), (100, 100))
    M = np.asarray(game.constants[0])
    plain = gs.pdhg(step_size(M), SETS)
    steps = 2000 if seed == 1 else 6000
    x, y = gs.solve(game, gs.restarted(plain), game.start, steps).players
    assert 0 <= float(games.duality_gap(game, (x, y))) < 1e-6
    assert float(x @ M @ y) == pytest.approx(value(M), abs=1e-6)
    assert float(games.duality_gap(game, gs.solve(game, plain, game.start, steps).players)) > 2e-6


def test_a_linear_program_in_equality_form():
    rng = np.random.default_rng(0)
    A, solution, slack = rng.normal(size=(8, 20)), np.zeros(20), np.zeros(20)
    solution[:8], slack[8:] = rng.uniform(0.5, 2, 8), rng.uniform(0.5, 2, 12)
    b, c = A @ solution, A.T @ rng.normal(size=8) + slack
    game = games.lagrangian(
        lambda x, c, A, b: c @ x, equality=lambda x, c, A, b: A @ x - b, constants=tuple(map(jnp.asarray, (c, A, b)))
    )
    sets = (optax.projections.projection_non_negative, games.multiplier_projection)
    start = (jnp.zeros(20), {"equality": jnp.zeros(8)})
    players = gs.solve(game, gs.restarted(gs.pdhg(step_size(A), sets)), start, 6000).players
    answer = scipy.optimize.linprog(c, A_eq=A, b_eq=b, method="highs")
    np.testing.assert_allclose(players[0], answer.x, atol=1e-6)
    assert float(c @ players[0]) == pytest.approx(answer.fun, abs=1e-6)
    np.testing.assert_allclose(-players[1]["equality"], answer.eqlin.marginals, atol=1e-6)


def simplex_point(vector):
    ordered = np.sort(vector)[::-1]
    shifts = (np.cumsum(ordered) - 1) / np.arange(1, len(vector) + 1)
    return np.maximum(vector - shifts[np.flatnonzero(ordered > shifts)[-1]], 0)


def normalised_gap(M, x, y, radius):
    """Return the normalised duality gap, by a solver of cone programs."""
    cvxpy = pytest.importorskip("cvxpy")
    by_x, by_y = cvxpy.Variable(len(x)), cvxpy.Variable(len(y))
    bounds = [radius * by_x >= -x, radius * by_y >= -y, cvxpy.sum(by_x) == 0, cvxpy.sum(by_y) == 0]
    bounds.append(cvxpy.norm(cvxpy.hstack([by_x, by_y])) <= 1)
    problem = cvxpy.Problem(cvxpy.Maximize((M.T @ x) @ by_y - (M @ y) @ by_x), bounds)
    return problem.solve(solver="CLARABEL")


def test_restarts_come_when_the_normalised_duality_gap_of_the_average_has_shrunk():
    game, every, steps = games.random_matrix_game(jax.random.key(3), (4, 3)), 5, 60
    M, eta = np.asarray(game.constants[0]), 0.3
    x, y = np.full(4, 1 / 4), np.full(3, 1 / 3)
    start, gap, iterates, restarts = (x, y), np.inf, [], []
    for step in range(1, steps + 1):
        ahead = simplex_point(x - eta * M @ y)
        x, y = ahead, simplex_point(y + eta * M.T @ (2 * ahead - x))
        iterates.append((x, y))
        if len(iterates) % every:
            continue
        mean = tuple(np.mean(rows, axis=0) for rows in zip(*iterates, strict=True))
        radius = np.linalg.norm(np.concatenate(mean) - np.concatenate(start))
        found = normalised_gap(M, *mean, radius)
        if found <= 0.37 * gap:
            (x, y), start, gap, iterates = mean, mean, found, []
            restarts.append(step)
    solver = gs.restarted(gs.pdhg(eta, SETS), every)
    record = lambda players, state: state.since
    solution = gs.solve(game, solver, game.start, steps, record=record)
    assert len(restarts) > 3
    assert (np.flatnonzero(np.asarray(solution.trace) == 0) + 1).tolist() == restarts
    np.testing.assert_allclose(np.concatenate(solution.players), np.concatenate([x, y]), atol=1e-9)


def test_restarts_forget_the_state_of_the_inner_solver():
    game = games.random_matrix_game(jax.random.key(0), (10, 10))
    solver = gs.restarted(gs.forward_reflected_backward(0.1, SETS), every=7)
    solution = gs.solve(game, solver, game.start, 7)
    fresh = gs.forward_reflected_backward(0.1, SETS).init(solution.players)
    jax.tree.map(np.testing.assert_array_equal, solution.state.inner, fresh)
    assert int(solution.state.since) == 0
    np.testing.assert_array_equal(solution.players[0], solution.state.start[0])


@pytest.mark.parametrize("make", [lambda inner: inner, lambda inner: gs.restarted(inner, every=2)])
def test_an_equilibrium_stays(make):
    game = games.rock_paper_scissors()
    players = gs.solve(game, make(gs.pdhg(0.3, SETS)), game.equilibria[0], 20).players
    np.testing.assert_allclose(np.concatenate(players), 1 / 3, atol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gs.restarted(gs.simgd(0.1), every=0), "every must be at least 1, got 0"),
        (lambda: gs.restarted(gs.simgd(0.1), factor=1.0), "factor must be .* below 1.0, got 1.0"),
        (lambda: gs.pdhg(0.1, projections=3), "projections must be a function or a tuple"),
        (
            lambda: gs.solve(games.curl(), gs.per_player(gs.restarted(gs.simgd(0.1)), gs.simgd(0.1)), (1.0, 1.0), 1),
            "before per_player",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
