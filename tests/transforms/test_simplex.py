"""Learning on simplices: against formulas in numpy, independent equilibria, flows and linear programs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special

import gamesolve as gs
from gamesolve import games, transforms

pytestmark = pytest.mark.usefixtures("x64")

UNIFORM = (jnp.full(3, 1 / 3), jnp.full(3, 1 / 3))
ENTROPY = transforms.simplex_entropy()
LINEAR = lambda t: t / (t + 2)


def perturbed():
    return games.rock_paper_scissors(stakes=(3.0, 1.0, 3.0))


def biased():
    return games.rock_paper_scissors(stakes=(1.0, 1.0, 3.0))


def averaged_gap(game, part, steps, decay=None):
    solution = gs.solve(game, gs.average(part, decay), game.start, steps)
    return float(games.duality_gap(game, optax.tree.get(solution.state, "average")))


def quantal_response(M, temperature):
    """Return the quantal response equilibrium of a matrix game, followed by a root finder from high temperature."""
    rows, point = len(M), np.concatenate([np.full(size, 1 / size) for size in M.shape])
    for current in np.geomspace(10, temperature, 60):

        def residual(z, current=current):
            answers = [-M @ z[rows:] / current, M.T @ z[:rows] / current]
            return z - np.concatenate([scipy.special.softmax(answer) for answer in answers])

        point = scipy.optimize.root(residual, point, tol=1e-14).x
    return point


@pytest.mark.parametrize("make", [perturbed, biased])
@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.5])
def test_magnetic_mirror_descent_converges_to_the_quantal_response_equilibrium(make, alpha):
    game = make()
    expected = quantal_response(np.asarray(game.constants[0]), alpha)
    solver = gs.magnetic_mirror_descent(0.02, alpha, reference=UNIFORM)
    reached = gs.solve(game, solver, game.start, 30_000).players
    np.testing.assert_allclose(np.concatenate(reached), expected, atol=1e-8)


@pytest.mark.parametrize("make", [perturbed, biased])
def test_a_renewed_reference_leads_to_the_equilibrium(make):
    game = make()
    solver = gs.magnetic_mirror_descent(0.05, 0.1, reference=UNIFORM, period=500)
    reached = gs.solve(game, solver, game.start, 30_000).players
    assert float(games.duality_gap(game, reached)) < 1e-10
    np.testing.assert_allclose(np.concatenate(reached), np.concatenate(game.equilibria[0]), atol=1e-10)


def test_mutation_stays_near_the_equilibrium_and_reaches_it_with_a_renewed_reference():
    game, steps = biased(), transforms.mirror(0.1, ENTROPY)
    gap = lambda period, number: float(
        games.duality_gap(
            game,
            gs.solve(game, optax.chain(transforms.mutation(0.1, UNIFORM, period), steps), game.start, number).players,
        )
    )
    assert gap(None, 5000) == pytest.approx(0.08755, abs=1e-5)
    assert gap(100, 20_000) < 1e-12


def test_three_steps_of_mutant_weights_in_numpy():
    game, period = biased(), 2
    M, (x, y) = np.asarray(game.constants[0]), map(np.asarray, game.start)
    references = [x, y]
    for step in range(5):
        if step and step % period == 0:
            references = [x, y]
        payoffs = [-M @ y, M.T @ x]
        x, y = (
            scipy.special.softmax(np.log(p) + 0.2 * (q + 0.3 * (c - p) / p))
            for p, q, c in zip((x, y), payoffs, references, strict=True)
        )
    solver = optax.chain(transforms.mutation(0.3, period=period), transforms.mirror(0.2, ENTROPY))
    reached = gs.solve(game, solver, game.start, 5).players
    np.testing.assert_allclose(np.concatenate(reached), np.concatenate([x, y]), rtol=1e-12)


def test_magnetic_steps_in_numpy():
    game, period, eta, alpha = biased(), 3, 0.2, 0.4
    M, (x, y) = np.asarray(game.constants[0]), map(np.asarray, game.start)
    references = [np.full(3, 1 / 3)] * 2
    for step in range(8):
        if step and step % period == 0:
            references = [x, y]
        payoffs = [-M @ y, M.T @ x]
        powers = [
            (p * np.exp(eta * q) * c ** (eta * alpha)) ** (1 / (1 + eta * alpha))
            for p, q, c in zip((x, y), payoffs, references, strict=True)
        ]
        x, y = (power / power.sum() for power in powers)
    solver = gs.magnetic_mirror_descent(eta, alpha, reference=UNIFORM, period=period)
    reached = gs.solve(game, solver, game.start, 8).players
    np.testing.assert_allclose(np.concatenate(reached), np.concatenate([x, y]), rtol=1e-12)
    alone = gs.per_player(*(transforms.magnetic(eta, alpha, reference=UNIFORM[0], period=period),) * 2)
    again = gs.solve(game, alone, game.start, 8).players
    np.testing.assert_allclose(np.concatenate(again), np.concatenate(reached), rtol=1e-12)


def test_magnetic_steps_take_a_rate_and_a_pull_per_player():
    game = biased()
    solver = gs.magnetic_mirror_descent((0.1, 0.0), (0.3, lambda t: 0.1 / (t + 1)), ENTROPY)
    x, y = gs.solve(game, solver, game.start, 10).players
    np.testing.assert_allclose(y, game.start[1], rtol=1e-12)
    assert float(jnp.max(jnp.abs(x - game.start[0]))) > 0.01


@pytest.mark.parametrize("alpha", [0.2, 1.0])
def test_a_reference_of_probability_zero_has_finite_derivatives(alpha):
    game = games.rock_paper_scissors((1.0, 1.0, 3.0))
    reference = (jnp.array([0.5, 0.5, 0.0]), jnp.array([0.0, 0.3, 0.7]))

    def reached(alpha):
        solver = gs.magnetic_mirror_descent(0.1, alpha, reference=reference)
        return jnp.stack(gs.solve(game, solver, game.start, 3).players)

    assert reached(alpha)[0, 2] == reached(alpha)[1, 0] == 0
    difference = (reached(alpha + 1e-6) - reached(alpha - 1e-6)) / 2e-6
    for derivative in (jax.jacrev, jax.jacfwd):
        np.testing.assert_allclose(derivative(reached)(alpha), difference, atol=1e-7)


def test_actions_of_probability_zero_remain_without_nan():
    game, start = biased(), (jnp.array([0.5, 0.5, 0.0]), jnp.array([0.0, 0.0, 1.0]))
    for solver in (gs.magnetic_mirror_descent(0.1, 0.0), gs.magnetic_mirror_descent((0.0, 0.1), 0.5)):
        x, y = gs.solve(game, solver, start, 10).players
        assert float(x[2]) == 0.0
        np.testing.assert_array_equal(y, start[1])


RULES = {
    "regret_matching": (lambda R, r: R + r, lambda R, r: R),
    "regret_matching_plus": (lambda R, r: np.maximum(R + r, 0), lambda R, r: R),
    "predictive_regret_matching_plus": (lambda R, r: np.maximum(R + r, 0), lambda R, r: np.maximum(R + r, 0)),
}


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_regret_matching_in_numpy(name, in_turn):
    game = games.random_matrix_game(jax.random.key(1), (4, 3))
    M, players = np.asarray(game.constants[0]), [np.full(4, 1 / 4), np.full(3, 1 / 3)]
    total, (accumulate, matched) = [np.zeros(4), np.zeros(3)], RULES[name]
    for _ in range(30):
        seen = list(players)
        for i in range(2):
            now = players if in_turn else seen
            q = -M @ now[1] if i == 0 else M.T @ now[0]
            regret = q - players[i] @ q
            total[i] = accumulate(total[i], regret)
            positive = np.maximum(matched(total[i], regret), 0)
            players[i] = positive / positive.sum() if positive.sum() else np.full(len(positive), 1 / len(positive))
    part = getattr(transforms, name)()
    solver = gs.alternating(part, part) if in_turn else part
    reached = gs.solve(game, solver, game.start, 30).players
    np.testing.assert_allclose(np.concatenate(reached), np.concatenate(players), atol=1e-12)


def test_averages_of_regret_matching_converge_and_the_usual_options_help():
    game = games.random_matrix_game(jax.random.key(0), (20, 20))
    plain, plus = transforms.regret_matching(), transforms.regret_matching_plus()
    predictive = transforms.predictive_regret_matching_plus()
    gaps = [
        averaged_gap(game, plain, 3000),
        averaged_gap(game, gs.alternating(plus, plus), 3000, LINEAR),
        averaged_gap(game, gs.alternating(predictive, predictive), 3000, LINEAR),
    ]
    assert 0.1 > gaps[0] > 5 * gaps[1] > 25 * gaps[2] > 0


def test_a_linear_average_weighs_step_t_by_t():
    game, solver = biased(), transforms.mirror(0.1, ENTROPY)
    iterates = gs.solve(game, solver, game.start, 20, record=lambda players, _: players).trace
    state = gs.solve(game, gs.average(solver, LINEAR), game.start, 20).state
    weights = np.arange(1, 21) / 210
    for mean, rows in zip(optax.tree.get(state, "average"), iterates, strict=True):
        np.testing.assert_allclose(mean, weights @ np.asarray(rows), rtol=1e-7)


def test_regret_matching_of_three_players_with_several_simplices_each():
    """The last axis is the simplex: each row of player 0 answers one of the others."""

    def first(x, y, z):
        return x[0] @ jnp.array([1.0, 2.0, 0.0]) + x[1] @ y + 0.0 * jnp.sum(z)

    game = gs.general_sum(first, lambda x, y, z: y[2] + 0.0 * jnp.sum(z), lambda x, y, z: z[0])
    start = (jnp.full((2, 3), 1 / 3), jnp.full(3, 1 / 3), jnp.full(2, 1 / 2))
    x, y, z = gs.solve(game, transforms.regret_matching_plus(), start, 50).players
    np.testing.assert_allclose(x, [[0, 1, 0], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(y, [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(z, [1, 0], atol=1e-12)


def replicator_error(game, solver, steps):
    """Return the distance to the replicator flow over the time 1."""
    M = np.asarray(game.constants[0])

    def slope(_, z):
        x, y = z[:3], z[3:]
        q, r = -M @ y, M.T @ x
        return np.concatenate([x * (q - x @ q), y * (r - y @ r)])

    flow = scipy.integrate.solve_ivp(slope, (0, 1), np.concatenate(game.start), rtol=1e-12, atol=1e-14)
    reached = np.concatenate(gs.solve(game, solver, game.start, steps).players)
    return float(np.max(np.abs(reached - flow.y[:, -1])))


def test_multiplicative_weights_follow_the_replicator_flow_and_midpoint_steps_do_so_to_second_order():
    game = biased()
    euler = [replicator_error(game, transforms.mirror(1 / n, ENTROPY), n) for n in (20, 40)]
    midpoint = [replicator_error(game, gs.mirror_prox(1 / n, ENTROPY, extrapolation=0.5 / n), n) for n in (20, 40)]
    assert euler[0] / euler[1] == pytest.approx(2, abs=0.2)
    assert midpoint[0] / midpoint[1] == pytest.approx(4, abs=0.4)
    assert midpoint[1] < 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transforms.magnetic(0.1, -1.0), "alpha must be finite and not negative, got -1.0"),
        (lambda: transforms.magnetic(0.1, 1.0, period=0), "period must be at least 1, got 0"),
        (lambda: transforms.mutation(0.1, period=1.5), "period of mutation must be an integer, got 1.5"),
        (lambda: transforms.mutation(-0.1), "mu must be finite and not negative, got -0.1"),
        (
            lambda: transforms.magnetic(0.1, 1.0, reference=UNIFORM[:1]).init(UNIFORM),
            "reference of magnetic must be shaped as the players",
        ),
        (
            lambda: transforms.mutation(0.1, reference=(jnp.ones(3), jnp.ones(1))).init(UNIFORM),
            "reference of mutation must be shaped as the players",
        ),
        (
            lambda: transforms.regret_matching_plus().init((1.0, 2.0)),
            "players of regret_matching_plus must be arrays of probabilities along the last axis, got a number",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
