"""Linear-quadratic dynamic games, against Riccati recursions in plain numpy and quadratic programs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import games

pytestmark = pytest.mark.usefixtures("x64")
HORIZON = 6


def drawn(seed, players=2, states=3):
    """A random system whose players have one and two inputs in turn."""
    rng = np.random.default_rng(seed)
    A = 0.6 * rng.normal(size=(states, states))
    B = [rng.normal(size=(states, 1 + i % 2)) for i in range(players)]
    Q, F = ([square @ square.T for square in rng.normal(size=(players, states, states))] for _ in range(2))
    R = [np.eye(each.shape[1]) * (1 + i) for i, each in enumerate(B)]
    return (A, B, Q, R, F), rng.normal(size=states)


def open_loop_reference(system, x):
    """Theorem 6.2 of Basar and Olsder: costates M_i x, with one matrix recursion that couples the players."""
    A, B, Q, R, F = system
    M, later = list(F), []
    for _ in range(HORIZON):
        gain = np.eye(len(A)) + sum(b @ np.linalg.solve(r, b.T @ m) for b, r, m in zip(B, R, M, strict=True))
        later.append((M, gain))
        M = [q + A.T @ m @ np.linalg.solve(gain, A) for q, m in zip(Q, M, strict=True)]
    inputs = []
    for M, gain in reversed(later):
        x = np.linalg.solve(gain, A @ x)
        inputs.append([-np.linalg.solve(r, b.T @ m @ x) for b, r, m in zip(B, R, M, strict=True)])
    return [np.stack(each) for each in zip(*inputs, strict=True)]


@pytest.mark.parametrize(("seed", "players"), [(0, 2), (1, 2), (2, 3)])
def test_open_loop_equilibria_follow_the_riccati_equations(seed, players):
    system, x = drawn(seed, players)
    game = games.open_loop(games.linear_quadratic(*system), HORIZON, x)
    for found, expected in zip(game.equilibria[0], open_loop_reference(system, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def cost(system, player, inputs, x):
    """The cost of a player, by a loop."""
    A, B, Q, R, F = system
    total = 0.0
    for t in range(HORIZON):
        u = [each[t] for each in inputs]
        total = total + (x @ Q[player] @ x + u[player] @ R[player] @ u[player]) / 2
        x = A @ x + sum(b @ each for b, each in zip(B, u, strict=True))
    return total + x @ F[player] @ x / 2


def test_payoffs_are_costs_of_the_rollout():
    system, x = drawn(0)
    rng = np.random.default_rng(1)
    game = games.open_loop(games.linear_quadratic(*system), HORIZON, x)
    inputs = tuple(rng.normal(size=leaf.shape) for leaf in game.start)
    for player, payoff in enumerate(game.evaluate(tuple(map(jnp.asarray, inputs)))):
        assert float(payoff) == pytest.approx(-cost(system, player, inputs, x))


@pytest.mark.parametrize(("seed", "players"), [(0, 2), (2, 3)])
def test_feedback_equilibria_are_best_responses_at_every_time(seed, players):
    """Against the gains of the others each player's gains solve its own Riccati equation."""
    system, _ = drawn(seed, players)
    A, B, Q, R, F = system
    game = games.feedback(games.linear_quadratic(*system), HORIZON)
    gains = [np.asarray(each) for each in game.equilibria[0]]
    for i in range(players):
        P = F[i]
        for t in reversed(range(HORIZON)):
            rest = A - sum(B[j] @ gains[j][t] for j in range(players) if j != i)
            own = np.linalg.solve(R[i] + B[i].T @ P @ B[i], B[i].T @ P @ rest)
            np.testing.assert_allclose(gains[i][t], own, rtol=1e-8)
            P = Q[i] + own.T @ R[i] @ own + (rest - B[i] @ own).T @ P @ (rest - B[i] @ own)
        assert float(game.evaluate(game.equilibria[0])[i]) == pytest.approx(-np.trace(P) / 2)
    for entry in game.field(game.equilibria[0]):
        np.testing.assert_allclose(entry, 0, atol=1e-9)


def test_policy_gradients_find_the_feedback_equilibrium():
    inputs, costs = (np.eye(2)[:, :1], np.eye(2)[:, 1:]), (np.diag([1.0, 0.2]), np.diag([0.1, 1.0]))
    # Inputs so dear that the states of the last step are not small, or their gains would hardly matter.
    system = games.linear_quadratic([[0.9, 0.3], [-0.3, 0.8]], inputs, costs, (3 * np.eye(1), 3 * np.eye(1)))
    game = games.feedback(system, 4)
    solution = gs.solve(game, gs.extragradient(0.1), game.start, 3000, tol=1e-9)
    assert solution.status == gs.Status.CONVERGED
    for found, expected in zip(solution.players, game.equilibria[0], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-7)
    apart = games.open_loop(system, 4, jnp.ones(2)).equilibria[0]
    assert abs(float(apart[0][0, 0] + game.equilibria[0][0][0].sum())) > 1e-3  # the two information patterns differ


def test_bounded_inputs_are_best_responses_by_quadratic_programs():
    cvxpy = pytest.importorskip("cvxpy")
    system, x = drawn(0)
    A, B, Q, R, F = system
    game = games.open_loop(games.linear_quadratic(*system), HORIZON, x)
    box = functools.partial(optax.projections.projection_box, lower=-0.1, upper=0.1)
    solver = gs.extragradient(0.5 / largest(game), projections=(box, box))
    solution = gs.solve(game, solver, game.start, 20_000, tol=1e-9)
    assert solution.status == gs.Status.CONVERGED
    inputs = [np.asarray(each) for each in solution.players]
    assert sum(np.isclose(np.abs(each), 0.1).sum() for each in inputs) > 2
    for i in range(2):
        states, own = cvxpy.Variable((HORIZON + 1, 3)), cvxpy.Variable(inputs[i].shape)
        moved = [states[t] @ A.T + own[t] @ B[i].T + inputs[1 - i][t] @ B[1 - i].T for t in range(HORIZON)]
        limits = [states[0] == x, cvxpy.abs(own) <= 0.1, *(states[t + 1] == moved[t] for t in range(HORIZON))]
        stages = [cvxpy.quad_form(states[t], Q[i]) + cvxpy.quad_form(own[t], R[i]) for t in range(HORIZON)]
        last = cvxpy.quad_form(states[HORIZON], F[i])
        cvxpy.Problem(cvxpy.Minimize((sum(stages) + last) / 2), limits).solve(solver="CLARABEL")
        np.testing.assert_allclose(inputs[i], own.value, atol=1e-5)


def largest(game):
    return float(jnp.linalg.norm(gs.analysis.jacobian(game, game.start), 2))


def test_predictive_control_is_one_program_and_steers_the_state_to_zero():
    system, x = drawn(1)
    system = games.linear_quadratic(*system)
    box = functools.partial(optax.projections.projection_box, lower=-0.5, upper=0.5)
    solver = gs.extragradient(0.5 / largest(games.open_loop(system, 4, x)), projections=(box, box))

    def control(x, _):
        game = games.open_loop(system, 4, x)
        first = [inputs[0] for inputs in gs.solve(game, solver, game.start, 300).players]
        x = system.dynamics @ x + sum(b @ u for b, u in zip(system.inputs, first, strict=True))
        return x, jnp.concatenate(first)

    last, applied = jax.jit(lambda x: jax.lax.scan(control, x, length=15))(jnp.asarray(x))
    assert np.linalg.norm(last) < 0.05 * np.linalg.norm(x)
    assert np.abs(applied).max() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dynamics": np.ones((2, 3))}, "dynamics must be a square matrix"),
        ({"inputs": [np.ones((3, 1))]}, "two or more matrices with 3 rows"),
        ({"state_costs": [np.eye(3)]}, "state_costs must have shapes"),
        ({"input_costs": [np.eye(2), np.eye(2)]}, "input_costs must have shapes"),
        ({"final_costs": [np.eye(2), np.eye(3)]}, "final_costs must have shapes"),
    ],
)
def test_mistakes_are_named(change, message):
    names = ("dynamics", "inputs", "state_costs", "input_costs", "final_costs")
    system, _ = drawn(0)
    with pytest.raises(ValueError, match=message):
        games.linear_quadratic(**dict(zip(names, system, strict=True)) | change)


def test_a_wrong_initial_state_or_horizon_is_named():
    system = games.linear_quadratic(*drawn(0)[0])
    with pytest.raises(ValueError, match=r"initial must have shape \(3,\), got \(2,\)"):
        games.open_loop(system, 3, np.ones(2))
    with pytest.raises(ValueError, match="horizon must be at least 1"):
        games.feedback(system, 0)


@pytest.mark.parametrize("group", [2, 3, 4], ids=["state costs", "input costs", "final costs"])
def test_only_the_symmetric_parts_of_costs_count(group):
    system, x = drawn(0)
    skewed = list(system)
    skewed[group] = [each + skew(len(each)) for each in system[group]]
    plain, other = games.linear_quadratic(*system), games.linear_quadratic(*skewed)
    for make in (lambda system: games.feedback(system, HORIZON), lambda system: games.open_loop(system, HORIZON, x)):
        game = make(other)
        for found, expected in zip(game.equilibria[0], make(plain).equilibria[0], strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert float(optax.tree.norm(game.field(game.equilibria[0]))) < 1e-8


def skew(size):
    square = np.arange(size * size).reshape(size, size) / 4
    return square - square.T
