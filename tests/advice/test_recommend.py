"""`gs.recommend`: the solver that it returns, what it predicts, what it spends, and what it says if nothing works."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs

GAME = gs.zero_sum(lambda x, y: x**2 / 4 + x * y - y**2 / 4)
START = (1.0, 2.0)


@pytest.fixture(scope="module")
def advice():
    return gs.recommend(GAME, START, solvers=["extragradient", "simgd", "altgd"])


def test_the_recommended_solver_takes_the_evaluations_that_the_table_says(advice):
    best, first = advice.table[0], float(jnp.hypot(*GAME.field(START)))
    assert advice.solver == best.solver or repr(advice.solver) == repr(best.solver)
    solution = gs.solve(GAME, advice.solver, START, 1000, tol=1e-3 * first)
    assert solution.ending is gs.Status.CONVERGED
    assert int(solution.steps) * best.cost == best.measured
    assert best.measured == min(row.measured for row in advice.table if row.measured is not None)


def test_predictions_on_a_linear_game_agree_with_measurements(advice):
    for row in advice.table:
        if row.measured is not None and row.predicted is not None:
            assert row.measured == row.predicted
    rows = [row for row in advice.table if row.rate is not None and row.predicted_rate is not None]
    assert rows
    for row in rows:
        assert row.rate == pytest.approx(row.predicted_rate, rel=0.1)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_scale_of_payoffs_changes_no_verdict(scale):
    found = gs.recommend(gs.zero_sum(lambda x, y: scale * (x**2 - y**2 + x * y)), (1.0, 1.0), solvers=["simgd"])
    np.testing.assert_allclose(found.probe.equilibrium, (0.0, 0.0), atol=1e-5)
    assert found.why.startswith("At the stable equilibrium")
    assert found.table[0].predicted_rate is None


def test_the_code_makes_the_solver(advice):
    for row in advice.table:
        made = eval(row.code, {"gs": gs, "optax": optax})
        ends = [gs.solve(GAME, solver, START, 7).players for solver in (made, row.solver)]
        np.testing.assert_allclose(*map(np.asarray, ends), rtol=1e-4)


def test_the_printed_table_names_the_solver_the_reason_and_the_cost(advice):
    text = str(advice)
    assert f"recommended: {advice.code}" in text
    assert advice.why in text
    assert f"spent {advice.spent} of 20000 evaluations" in text
    assert "2 players, 2 parameters" in text
    assert advice.why.count(".") >= 1
    assert "stable under the flow" in text


def test_the_plot_has_a_curve_for_each_solver(advice):
    axes = advice.plot()
    labels = [line.get_label() for line in axes.lines]
    assert [row.code for row in advice.table] == labels[: len(advice.table)]
    assert axes.get_xlabel() == "evaluations"


def test_probe_agrees_with_the_jacobian(advice):
    probe = advice.probe
    matrix = np.asarray(gs.analysis.jacobian(GAME, START))
    assert probe.lipschitz == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-5)
    assert probe.monotonicity == pytest.approx(0.5, rel=1e-5)
    assert probe.rotation == pytest.approx(1 / (1 + 0.25), rel=1e-5)
    np.testing.assert_allclose(probe.equilibrium, (0.0, 0.0), atol=1e-5)


@pytest.mark.parametrize("budget", [100, 1000, 5000])
def test_the_budget_is_kept(budget):
    found = gs.recommend(GAME, START, budget=budget, solvers=["simgd"])
    assert found.spent <= budget
    assert found.budget == budget


def test_a_budget_below_the_shortest_probe_is_an_error():
    with pytest.raises(
        ValueError, match="budget must be at least 81 for the probe of a game with 40 parameters, got 50"
    ):
        gs.recommend(gs.games.rotation(20), budget=50, solvers=["simgd"])


def test_a_budget_that_leaves_nothing_for_trials_is_said():
    found = gs.recommend(GAME, START, budget=100, solvers=["simgd"])
    assert found.solver is None
    assert "too small to try a solver" in found.why
    enough = int(found.why.split("at least ")[1].split(",")[0])
    found = gs.recommend(GAME, START, budget=2 * enough, solvers=["simgd"])
    assert found.table[0].measured is not None
    assert found.spent <= 2 * enough


@pytest.mark.full
def test_adam_comes_with_a_caution():
    found = gs.recommend(gs.general_sum(lambda x: -jnp.log(jnp.cosh(x))), (3.0,), solvers=["adam"], budget=4000)
    assert found.table[0].measured is not None
    assert "stop it with tol=" in found.why


@pytest.mark.full
def test_solvers_that_leave_the_equilibrium_later_are_not_tried():
    found = gs.recommend(GAME, START, solvers=["alternating adam", "simgd"])
    assert [row.name for row in found.table] == ["simgd"]


def test_named_solvers_that_do_not_suit_the_game_are_said():
    wrong = gs.zero_sum(lambda x, y: -(x**2) + x * y + y**2)
    found = gs.recommend(wrong, START, solvers=["anderson"])
    assert found.solver is None
    assert "None of anderson suits this game" in found.why


def test_an_equilibrium_that_the_flow_leaves_gets_no_solver():
    wrong = gs.zero_sum(lambda x, y: -(x**2) + x * y + y**2)  # signs of losses, given as payoffs
    found = gs.recommend(wrong, START, budget=4000, solvers=["simgd", "extragradient"])
    assert found.solver is None
    assert "unstable" in found.why
    assert "unstable under the flow" in str(found)


def test_a_flow_that_leaves_without_an_equilibrium_is_said():
    game = gs.general_sum(lambda x, y: jnp.exp(x / 5), lambda x, y: -((x - y) ** 2))
    found = gs.recommend(game, START, budget=4000, solvers=["simgd"])
    assert found.solver is None
    assert found.probe.equilibrium is None
    assert "The flow diverges" in found.why


def test_a_curved_game_is_judged_by_trials_on_the_game_itself():
    game = gs.zero_sum(lambda x, y: jnp.log(jnp.cosh(x)) + x * y - jnp.log(jnp.cosh(y)))
    found = gs.recommend(game, (3.0, -2.0), solvers=["extragradient", "altgd"])
    first = float(jnp.hypot(*game.field((3.0, -2.0))))
    solution = gs.solve(game, found.solver, (3.0, -2.0), 2000, tol=1e-3 * first)
    assert int(solution.steps) * found.table[0].cost == found.table[0].measured


@pytest.mark.full
def test_a_run_that_only_passes_the_target_has_not_converged():
    game = gs.general_sum(lambda x: -jnp.sqrt(1 + x**2))
    found = gs.recommend(game, (3.0,), solvers=["simgd"], budget=8000)
    players = gs.solve(game, found.solver, (3.0,), 500).players
    assert abs(players[0]) < 1e-2
    assert found.table[0].measured > 2


@pytest.mark.full
def test_a_solver_whose_step_may_cost_too_much_does_not_stop_the_others():
    game = gs.games.random_quadratic(jax.random.key(0), (33, 33), rotation=0.5)
    found = gs.recommend(game, solvers=["simgd", "cgd"], budget=3000)
    assert found.table[0].measured is not None
    assert found.spent <= 3000


@pytest.mark.full
def test_fields_of_constant_strength_are_probed():
    game = gs.zero_sum(lambda x, y: jnp.abs(x) + x / 3 - jnp.abs(y))
    assert gs.recommend(game, (1.0, 1.0), solvers=["simgd"], budget=4000).probe.lipschitz == 0
    box = lambda player: optax.projections.projection_box(player, 0.0, 1.0)
    game = gs.general_sum(lambda x, y: 2 * x, lambda x, y: -y)
    found = gs.recommend(game, (0.5, 0.5), constraints=box, solvers=["simgd"], budget=4000)
    np.testing.assert_allclose(found.probe.equilibrium, (1.0, 0.0), atol=1e-6)
    assert found.table[0].measured is not None


@pytest.mark.parametrize(
    ("game", "start", "equilibrium"),
    [
        (gs.zero_sum(lambda x, y: (x - 1e4) ** 2 - (y + 1) ** 2), (0.0, 0.0), (1e4, -1.0)),
        (gs.general_sum(lambda x: -jnp.sqrt(1 + x**2)), (30.0,), (0.0,)),
        (gs.general_sum(lambda x: x**2 / 2 - x**4 / 4), (0.05,), (1.0,)),  # Newton's method soon ends at 0, unstable
    ],
)
def test_the_equilibrium_is_found_where_the_flow_goes(game, start, equilibrium):
    found = gs.recommend(game, start, solvers=["simgd"], budget=8000)
    np.testing.assert_allclose(found.probe.equilibrium, equilibrium, atol=1e-4)
    assert "an equilibrium was found, stable under the flow" in str(found)
    assert found.table[0].measured is not None


@pytest.mark.full
def test_a_solver_that_ends_at_an_unstable_equilibrium_is_not_recommended():
    game, start = gs.zero_sum(lambda x, y: -jnp.cos(x) + jnp.cos(y)), (2.4, 2.4)
    found = gs.recommend(game, start, solvers=["anderson"], budget=6000)
    assert found.solver is None
    assert found.table[0].ending == "unstable"
    assert "converged to an unstable equilibrium" in found.why
    found = gs.recommend(game, start, solvers=["anderson", "simgd"], budget=6000)
    assert found.table[0].name == "simgd"
    assert found.spent <= 6000


def test_a_field_that_only_fades_has_no_equilibrium():
    game = gs.general_sum(lambda x, y: -jnp.exp(-x), lambda x, y: -jnp.exp(-y))
    found = gs.recommend(game, (0.0, 0.0), solvers=["simgd"], budget=4000)
    assert found.probe.equilibrium is None
    assert "the field vanishes without an equilibrium" in str(found)


@pytest.mark.full
def test_eigenvalues_give_no_verdict_under_constraints():
    box = lambda player: optax.projections.projection_box(player, -1.0, 1.0)
    game = gs.general_sum(lambda x, y: x**2 + x, lambda x, y: -((y - x) ** 2))
    found = gs.recommend(game, (0.5, 0.2), constraints=box, solvers=["simgd"], budget=4000)
    assert "stable" not in str(found.probe)
    assert found.why.endswith("Whether its end is stable was not checked: constraints decide it too.")
    np.testing.assert_allclose(found.probe.equilibrium, (1.0, 1.0), atol=1e-3)
    assert found.solver is not None


def test_constraints_are_kept_and_measured_by_the_natural_residual():
    box = lambda player: optax.projections.projection_box(player, -1.0, 1.0)
    game = gs.zero_sum(lambda x, y: jnp.sum((x - 2) ** 2) + x @ y - jnp.sum(y**2))
    start = (jnp.zeros(2), -jnp.ones(2))
    found = gs.recommend(game, start, constraints=box, solvers=["extragradient", "forward_reflected_backward"])
    solution = gs.solve(game, found.solver, start, 500, tol=1e-5)
    assert solution.ending is gs.Status.CONVERGED
    np.testing.assert_allclose(solution.players[0], 1.0, atol=1e-4)
    np.testing.assert_allclose(solution.players[1], 0.5, atol=1e-4)


@pytest.mark.full
def test_a_noisy_game_is_ranked_by_its_noise_floor():
    game = gs.zero_sum(lambda x, y, a: jnp.mean((x - a) ** 2) + x * y - y**2)
    sample = lambda key: 1 + jax.random.normal(key, (8,))
    found = gs.recommend(
        game, (4.0, 1.0), sample=sample, key=jax.random.key(0), budget=8000, solvers=["extragradient", "simgd"]
    )
    assert found.spent <= 8000
    assert 0 < found.table[0].residual < 0.2
    assert found.table[0].residual == min(row.residual for row in found.table)
    assert "noise floor" in found.why or "still falling" in found.why
    np.testing.assert_allclose(found.probe.equilibrium, (0.8, 0.4), atol=0.25)


def test_the_noise_floor_is_predicted_beside_the_measured_one():
    data = jax.random.normal(jax.random.key(1), (32, 2))
    payoff = lambda x, y, a: jnp.mean((x - a[:, 0]) ** 2) / 2 + x * y - jnp.mean((y - a[:, 1]) ** 2) / 2
    game, sample = gs.zero_sum(payoff).bind(data), gs.minibatches(data, 4)
    found = gs.recommend(game, (4.0, 1.0), sample=sample, key=jax.random.key(0), budget=8000, solvers=["simgd"])
    row = found.table[0]
    residual = lambda players, _: jnp.hypot(*game.field(players))
    run = lambda key: gs.solve(game, row.solver, (0.0, 0.0), 2000, sample=sample, key=key, record=residual).trace
    curves = jax.vmap(run)(jax.random.split(jax.random.key(2), 32))[:, 1000:]
    measured = float(jnp.sqrt(jnp.mean(curves**2))) / found.probe.residual
    assert row.floor.residual == pytest.approx(measured, rel=0.08)
    assert f"{row.floor.residual:.1e}" in str(found)
    assert found.spent <= 8000


@pytest.mark.full
def test_the_gains_from_smaller_steps_and_from_averaging_are_those_of_runs():
    # Curvatures apart: averaging gains far more on the residual than on the distance.
    c, zero = jnp.array([1.0, 0.1]), jnp.zeros((1, 4))
    payoff = lambda x, y, e: c @ (x**2 - y**2) / 2 + 0.3 * x @ (c * y) + 0.1 * jnp.mean(e, 0) @ jnp.concatenate([x, y])
    game, sample = gs.zero_sum(payoff), lambda key: jax.random.normal(key, (1, 4))
    start = (jnp.full(2, 3.0), jnp.full(2, 3.0))
    found = gs.recommend(game, start, sample=sample, key=jax.random.key(0), budget=20_000, solvers=["simgd"])
    solver, floor, steps = found.table[0].solver, found.table[0].floor, 8000
    origin, mean = jax.tree.map(jnp.zeros_like, start), game.bind(zero)
    run = lambda key, solver: jnp.concatenate(
        gs.solve(game, solver, origin, steps, sample=sample, key=key, record=lambda players, _: players).trace, axis=-1
    )
    jacobian, keys = gs.analysis.jacobian(mean, origin), jax.random.split(jax.random.key(5), 16)
    size = lambda points: float(jnp.sqrt(jnp.mean(jnp.sum((points @ jacobian.T) ** 2, -1))))
    points = jax.vmap(lambda key: run(key, solver))(keys)
    gain = size(points[:, steps // 2 :]) / size(points[:, steps // 5 :].mean(axis=1))
    assert gain == pytest.approx(math.sqrt(0.8 * steps / floor.correlated), rel=0.25)
    rates = tuple(rate / 4 for rate in solver.arguments["learning_rate"])
    small = gs.simgd(rates, momentum=solver.arguments["momentum"])
    slow = jax.vmap(lambda key: run(key, small))(keys)
    longer, lower = map(float, re.search(r"takes (\S+) times as long, to (\S+) of the floor", found.why).groups())
    assert lower == pytest.approx(size(slow[:, steps // 2 :]) / size(points[:, steps // 2 :]), rel=0.15)
    rate = lambda solver: math.log(gs.analysis.rate(mean, solver, origin))
    assert longer == pytest.approx(rate(solver) / rate(small), rel=0.1)


def test_the_gain_from_averaging_is_that_of_the_residual():
    payoff = lambda x, y, e: x**2 / 2 + 0.3 * x * y - y**2 / 20 + 0.02 * jnp.mean(e, 0) @ jnp.stack([x, y])
    game, sample = gs.zero_sum(payoff), lambda key: jax.random.normal(key, (1, 2))
    found = gs.recommend(game, (1.0, 1.0), sample=sample, key=jax.random.key(0), budget=6000, solvers=["simgd"])
    floor = found.table[0].floor
    # The steps of simgd add up to the way that it went: the field at the mean iterate is the mean of the noise.
    noise = floor.correlated * (floor.residual * found.probe.residual) ** 2
    assert noise == pytest.approx(2 * 0.02**2, rel=0.1)


def test_gains_are_said_with_significant_digits():
    payoff = lambda x, y, e: x * y + (x**2 - y**2) / 20 + 0.02 * jnp.mean(e, 0) @ jnp.stack([x, y])
    game, sample = gs.zero_sum(payoff), lambda key: jax.random.normal(key, (1, 2))
    found = gs.recommend(game, (1.0, 1.0), sample=sample, key=jax.random.key(0), budget=6000, solvers=["simgd"])
    divisor = float(re.search(r"√\(k/([^)]*)\)", found.why).group(1))
    assert found.table[0].floor.correlated < 0.5
    assert divisor == pytest.approx(found.table[0].floor.correlated, rel=0.05)


@pytest.mark.full
def test_a_mean_of_too_few_draws_is_said():
    game = gs.zero_sum(lambda x, y, a: jnp.mean((x - a) ** 2) / 2 - jnp.mean((y - a) ** 2) / 2)
    sample = lambda key: 5 * jax.random.normal(key, (1,))
    found = gs.recommend(game, (4.0, 4.0), sample=sample, key=jax.random.key(0), budget=8000, solvers=["simgd"])
    assert found.spent <= 8000
    assert "draws, by which it is judged, is off by" in found.why
    assert found.table[0].predicted is None


def test_large_players_are_predicted_from_eigenvalues():
    game = gs.games.random_quadratic(jax.random.key(0), (200, 200), rotation=0.5)
    found = gs.recommend(game, solvers=["extragradient"], budget=6000)
    assert found.probe.jacobian is None
    assert found.why.endswith("Whether its end is stable was not checked: the game is too large.")
    assert found.table[0].measured is not None
    assert found.spent <= 6000


@pytest.mark.full
def test_players_may_be_any_pytrees():
    game = gs.general_sum(
        lambda x, y: -jnp.sum(x["w"] ** 2) + x["b"] * y[0], lambda x, y: -(y[0] ** 2) - x["b"] * y[0] - y[1] ** 2
    )
    start = ({"w": jnp.ones((2, 2)), "b": jnp.asarray(1.0)}, [jnp.asarray(1.0), jnp.asarray(-1.0)])
    found = gs.recommend(game, start, solvers=["altgd"])
    assert found.probe.sizes == (5, 2)
    assert math.isfinite(found.table[0].measured or math.inf) or found.solver is None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": None}, ValueError, "start must be given"),
        ({"sample": lambda key: key}, ValueError, "sample must come with a random key"),
        ({"target": 2.0}, ValueError, "target must be finite and above 0"),
        ({"budget": 0}, ValueError, "budget must be at least 1"),
        ({"budget": 2.5}, TypeError, "budget must be an integer, got 2.5. It counts evaluations"),
        ({"sample": lambda key: 1.0, "key": jax.random.key(0)}, ValueError, "first axis is the batch, got a scalar"),
        ({"constraints": (None,)}, ValueError, "constraints must have one projection or None per player, got 1 for 2"),
        ({"solvers": []}, ValueError, "solvers must be some of anderson.*got none"),
        ({"solvers": "simgd"}, TypeError, "solvers must be a list of names, got 'simgd'"),
        ({"solvers": ["sgd"]}, ValueError, "solvers must be some of anderson"),
        ({"constraints": 3}, TypeError, "projections must be a function"),
        ({"start": (0.0, 0.0)}, ValueError, "zero at the start"),
        ({"start": (float("nan"), 0.0)}, ValueError, "not finite at the start"),
    ],
)
def test_mistakes_are_told_in_one_sentence(arguments, error, message):
    with pytest.raises(error, match=message):
        gs.recommend(GAME, **{"start": START} | arguments)


def test_restarted_primal_dual_steps_are_recommended_on_a_matrix_game(x64):
    game = gs.games.random_matrix_game(jax.random.key(0), (10, 10))
    names = ["extragradient", "restarted pdhg"]
    found = gs.recommend(game, constraints=gs.games.simplices(2), budget=6000, target=1e-5, solvers=names)
    assert found.table[0].code.startswith("gs.restarted(gs.pdhg(")
    solution = gs.solve(game, found.solver, game.start, int(found.table[0].measured))
    assert gs.games.duality_gap(game, solution.players) < 1e-4


def test_solvers_for_two_players_are_not_tried_with_three():
    game = gs.general_sum(*(lambda x, y, z, k=k: -((x, y, z)[k] ** 2) + (y, z, x)[k] * (x, y, z)[k] for k in range(3)))
    box = (lambda player: jnp.clip(player, -1.0, 1.0),) * 3
    found = gs.recommend(game, (0.5, 0.5, 0.5), constraints=box, budget=3000, solvers=["restarted pdhg"])
    assert found.solver is None
    assert "restarted pdhg" in found.why
