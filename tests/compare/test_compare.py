"""The comparison's statuses, contractions, costs, starts and planes, against theory."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.compare.problem import operations
from gamesolve.compare.runs import COLUMNS
from gamesolve.compare.spectra import LARGEST_SPECTRUM
from gamesolve.compare.vectors import nearest


def run(game, solver, name="game", start=None, **settings):
    settings = compare.Settings(**settings)
    problem = compare.prepare(name, game, settings, start)
    return problem, compare.measure(problem, registry.SOLVERS[solver], settings)


def test_contraction_of_exact_and_spiralling_curves():
    steps = np.arange(400)
    assert compare.contraction(5 * 0.97**steps) == pytest.approx(0.97, abs=1e-9)
    assert compare.contraction(1e-3 * 1.02**steps) == pytest.approx(1.02, abs=1e-9)
    for length in range(300, 400, 7):  # wherever in a turn the run happens to end
        spiral = 0.99 ** steps[:length] * (1 + 0.5 * np.cos(0.3 * steps[:length]))
        assert compare.contraction(spiral) == pytest.approx(0.99, abs=1e-4)


def test_contraction_leaves_out_rounding_overflow_and_too_short_runs():
    steps = np.arange(400)
    assert compare.contraction(np.maximum(0.9**steps, 1e-7), floor=2e-7) == pytest.approx(0.9, abs=1e-9)
    grown = np.where(steps < 128, 2.0 ** np.minimum(steps, 127), np.inf).astype(np.float32)
    assert np.isinf(grown).any()
    assert compare.contraction(grown) == pytest.approx(2.0, abs=1e-5)
    assert compare.contraction(0.9 ** np.arange(8)) is None
    assert compare.contraction(np.zeros(100)) is None
    assert compare.contraction(np.full(100, np.nan)) is None


@pytest.mark.parametrize(
    ("solver", "expected", "status"),
    [
        ("simgd", math.sqrt(1.04), "diverged"),
        ("altgd", 1.0, "budget"),
        ("extragradient", math.sqrt(1 - 0.04 + 0.0016), "converged"),
        ("ogda", math.sqrt((1 + math.sqrt(1 - 0.16)) / 2), "converged"),
        ("conopt", abs(0.8 + 0.2j), "converged"),
        ("cgd", 1 / math.sqrt(1.04), "converged"),
    ],
)
def test_measured_is_predicted_is_theory_on_the_bilinear_game(solver, expected, status):
    _, result = run(gs.games.bilinear(1.0), solver, steps=1000, learning_rate=0.2)
    assert result.row.predicted == pytest.approx(expected, abs=1e-5)
    assert result.row.contraction == pytest.approx(expected, abs=2e-5)
    assert result.row.status == status


@pytest.mark.parametrize("solver", ["altgd", "conopt", "cgd"])
def test_measured_is_predicted_on_a_game_of_many_parameters(solver):
    game = gs.games.random_quadratic(jax.random.key(3), (3, 2), rotation=0.4)
    _, result = run(game, solver, steps=1500, learning_rate=0.3)
    assert result.row.status == "converged"
    assert result.row.contraction == pytest.approx(result.row.predicted, abs=1e-3)


def test_fast_divergence_is_measured_before_it_overflows():
    _, result = run(gs.games.icr_quadratic(), "conopt", steps=200)
    assert result.row.status == "diverged"
    assert result.row.contraction == pytest.approx(result.row.predicted, rel=1e-3)
    assert result.row.steps < 40
    assert math.isfinite(result.row.distance)
    assert result.row.distance > 1e30


def test_step_sizes_per_player():
    _, result = run(gs.games.icr_quadratic(), "simgd", steps=500, learning_rate=(0.09, 0.01))
    assert result.row.contraction == pytest.approx(0.962497, abs=1e-5)
    assert result.row.learning_rate == "0.09 0.01"
    with pytest.raises(ValueError, match="must have 2 entries on icr, one per player, got 3"):
        compare.prepare("icr", gs.games.icr_quadratic(), compare.Settings(learning_rate=(0.1, 0.2, 0.3)))


def test_costs_are_those_of_the_steps_until_convergence():
    _, result = run(gs.games.icr_quadratic(), "cgd", steps=200)
    row, cost = result.row, registry.SOLVERS["cgd"].cost
    tolerance = 1e-5 * result.curves[0, 0] * math.hypot(8, 12) / math.hypot(1, 1)
    assert row.status == "converged"
    assert row.field_norm <= 1.0001 * tolerance
    assert row.iterations == row.steps  # conjugate gradients solve one equation in one iteration
    assert row.fields == cost.fields * row.steps
    assert row.products == cost.vjps * row.steps + cost.vjps_per_iteration * row.iterations
    assert row.microseconds > 0
    assert row.compile_seconds > 0


def test_no_rate_where_the_steps_have_none():
    _, result = run(gs.games.bilinear(1.0), "acgd", steps=300)
    assert result.row.predicted is None
    assert result.spectrum is None
    assert result.row.contraction < 1
    assert result.row.notes == ""


def test_a_limit_that_the_flow_leaves_is_named():
    game = gs.zero_sum(lambda x, y: -(x**2) + y**2)  # both players sit at the worst point
    start = (jnp.asarray(0.5), jnp.asarray(0.5))
    _, result = run(game, "conopt", start=start, steps=300, learning_rate=0.2)
    assert result.row.status == "converged"
    assert result.row.notes == "converged to an equilibrium that is unstable under the flow of the field"
    assert result.row.distance is None
    assert result.row.predicted == pytest.approx(0.6, abs=1e-5)


def test_a_limit_that_is_no_zero_of_the_field_has_not_converged():
    game = gs.general_sum(lambda x, y: -(x**2), lambda x, y: y)
    _, result = run(game, "simgd", start=(jnp.asarray(1.0), jnp.asarray(0.0)), steps=200)
    assert result.row.status == "budget"
    assert result.row.field_norm == pytest.approx(1.0, abs=1e-4)
    assert result.row.predicted is None


def test_a_run_that_passes_by_an_equilibrium_has_not_converged():
    game = gs.general_sum(lambda x: jnp.cos(x))  # v = -sin x
    start = (jnp.asarray(1.0),)
    _, settled = run(game, "simgd", start=start, steps=40, learning_rate=1 / math.sin(1.0))
    assert (settled.row.status, settled.row.steps) == ("converged", 1)  # the first step lands on 0
    # The first step lands on -2 pi, but with this step size rounding grows eightfold a step there.
    _, passing = run(game, "simgd", start=start, steps=400, learning_rate=(1 + 2 * math.pi) / math.sin(1.0))
    assert passing.curves[0].min() < 1e-5 * passing.curves[0, 0]
    assert passing.row.status == "budget"


def test_convergence_to_an_equilibrium_that_is_not_listed():
    game = gs.games.bilinear(jnp.array([[1.0, 0.5]]))  # a line of equilibria; the listed one is the origin
    _, result = run(game, "extragradient", steps=300, learning_rate=0.5)
    assert result.row.status == "converged"
    assert result.row.distance > 0.1
    assert result.row.contraction == pytest.approx(result.row.predicted, abs=1e-3)
    assert result.row.predicted < 0.95


def test_the_nearest_of_several_equilibria_counts():
    start = (jnp.asarray(math.pi - 0.3), jnp.asarray(-1.2))
    problem, result = run(gs.games.cosine(), "conopt", start=start, steps=400)
    np.testing.assert_allclose(problem.equilibrium, (math.pi, -math.pi / 2), rtol=1e-6)
    assert result.row.status == "converged"
    assert result.row.distance < 1e-4
    assert result.row.contraction == pytest.approx(result.row.predicted, abs=1e-3)


def test_random_starts_lie_round_the_equilibrium_and_rows_are_medians():
    game = gs.games.bilinear(1.0)
    problem, result = run(game, "extragradient", steps=50, seeds=6)
    assert problem.starts[0].shape == (6,)
    assert result.curves.shape == (6, 51)
    assert len(np.unique(result.curves[:, 0])) == 6
    assert result.row.distance == pytest.approx(np.median(result.curves[:, -1]), rel=1e-6)
    assert (result.row.seeds, result.row.converged, result.row.diverged) == (6, 0, 0)
    again, _ = run(game, "simgd", steps=5, seeds=6)
    np.testing.assert_array_equal(again.starts[0], problem.starts[0])


def test_seeds_that_end_differently_are_mixed():
    game = gs.general_sum(lambda x: x**4 / 4 - x**2 / 2)  # from |x| > 1 gradients escape
    start = (jnp.asarray(0.97),)
    _, result = run(game, "simgd", start=start, steps=200, seeds=12, learning_rate=0.3)
    assert result.row.status == "mixed"
    assert result.row.converged > 0
    assert result.row.diverged > 0
    assert result.row.converged + result.row.diverged == 12


def test_float64_is_measured_to_its_own_tolerance(x64):
    _, result = run(gs.games.icr_quadratic(), "cgd", steps=200)
    assert result.row.status == "converged"
    assert result.row.distance < 2e-11
    assert result.row.contraction == pytest.approx(result.row.predicted, abs=1e-6)


def test_paths_lie_in_the_plane_of_the_slowest_mode():
    matrix = jnp.diag(jnp.array([1.0, 0.2, 3.0]))
    game = gs.games.bilinear(matrix)
    problem, result = run(game, "extragradient", steps=20)
    np.testing.assert_allclose(np.abs(problem.plane.directions).max(axis=0), [0, 1, 0, 0, 1, 0], atol=1e-6)
    assert problem.view == "plane of J's slowest mode, 0.000 ± 0.200i"
    np.testing.assert_allclose(np.abs(result.path[0]), [1, 1], atol=1e-6)
    picture = compare.picture(problem, [result])
    points = np.array([[1.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(np.linalg.norm(picture.field(points), axis=1), [0.2, 0.4], atol=1e-6)
    np.testing.assert_allclose(sorted(picture.eigenvalues.imag), [-3, -1, -0.2, 0.2, 1, 3], atol=1e-6)


def test_paths_of_two_parameters_are_the_parameters():
    problem, result = run(gs.games.bilinear(1.0), "simgd", steps=3)
    np.testing.assert_allclose(result.path[:2], [[1.0, 1.0], [0.9, 1.1]], rtol=1e-6)
    assert problem.axes == ("player 0", "player 1")


def test_unknown_equilibria_are_taken_where_a_run_settles():
    game = gs.from_losses(lambda p, q: (p["a"] - 1) ** 2, lambda p, q: 2 * ((q - p["a"]) ** 2).sum())
    start = ({"a": jnp.zeros(())}, jnp.array([0.5, 0.2]))
    problem, result = run(game, "simgd", start=start, steps=300)
    assert problem.equilibrium is None
    assert problem.axes == ("player 0", "player 1, entry 0")
    assert result.row.contraction == pytest.approx(result.row.predicted, abs=1e-3)
    picture = compare.picture(problem, [result])
    assert (picture.place, picture.quantity) == ("point reached", "norm of the field")
    np.testing.assert_allclose(picture.equilibrium, [1.0, 1.0], atol=1e-5)
    np.testing.assert_allclose(picture.field(np.array([[1.0, 1.0]])), [[0.0, 0.0]], atol=1e-4)


def test_large_games_get_no_dense_spectra():
    size = LARGEST_SPECTRUM
    game = gs.general_sum(lambda x, y: -(x**2).sum() / 2 + x.sum() * y, lambda x, y: -(y**2) / 2)
    start = (jnp.ones(size), jnp.ones(()))
    problem, result = run(game, "simgd", start=start, steps=200)
    assert result.row.status == "converged"
    assert result.row.predicted is None
    assert "parameters" in result.row.notes
    assert result.path.shape == (201, 2)
    assert compare.picture(problem, [result]).eigenvalues is None


def test_a_short_run_is_timed_as_often_as_it_is_repeated():
    game = gs.games.bilinear(jnp.eye(100))  # a step takes long enough to be seen
    short, _ = compare.time_steps(game, gs.simgd(0.1), game.start, 10)
    long, _ = compare.time_steps(game, gs.simgd(0.1), game.start, 1000)
    assert short > 0.3 * long  # a hundredth, if XLA ran the repeated run only once


def test_a_solver_that_refuses_the_game_gives_a_row_that_says_why():
    game = gs.games.random_quadratic(jax.random.key(2), (2, 1, 1))
    problem, result = run(game, "follow_the_ridge", steps=10)
    assert (result.row.status, result.row.converged, result.row.diverged) == ("n/a", 0, 0)
    assert result.row.notes.endswith("got a game with 3")
    assert ";" not in result.row.notes
    assert result.row.steps is result.row.field_norm is result.row.predicted is None
    assert compare.picture(problem, [result]).paths["follow_the_ridge"].shape == (0, 2)


def test_products_of_both_kinds_count_in_each_iteration():
    _, result = run(gs.games.icr_quadratic(), "levenberg_marquardt", steps=20)
    row, cost = result.row, registry.SOLVERS["levenberg_marquardt"].cost
    assert cost.jvps_per_iteration == cost.vjps_per_iteration == 1
    assert row.iterations > 0
    assert row.products == (cost.jvps + cost.vjps) * row.steps + 2 * row.iterations


@pytest.mark.parametrize("seeds", [1, 3])
def test_failed_inner_solves_are_noted(seeds):
    """I - J is singular, so that no step of the proximal method can be solved; extragradient has no solves."""
    game = gs.general_sum(lambda x, y: x**2 / 2, lambda x, y: -(y**2) / 2)
    settings = {"start": (1.0, 1.0), "steps": 5, "learning_rate": 1.0, "seeds": seeds}
    _, solved = run(game, "proximal", **settings)
    assert f"inner solves that failed, so that a step took the explicit direction: {5 * seeds};" in solved.row.notes
    assert "inner solves" not in run(game, "extragradient", **settings)[1].row.notes


def test_mistakes_are_sentences():
    with pytest.raises(ValueError, match="has no start"):
        compare.prepare("mine", gs.zero_sum(lambda x, y: x * y), compare.Settings())
    with pytest.raises(ValueError, match="not finite"):
        compare.prepare("mine", gs.zero_sum(lambda x, y: jnp.sqrt(x) * y), compare.Settings(), (-1.0, 1.0))


def test_columns_are_the_fields_of_a_row():
    assert list(COLUMNS) == [field.name for field in dataclasses.fields(compare.Row)]


def test_stability_of_the_flow():
    assert compare.stability(np.diag([-1.0, -2.0])) == "stable"
    assert compare.stability(np.diag([-1.0, 0.1])) == "unstable"
    assert compare.stability(None) == ""


def test_the_nearest_point_is_found_where_squares_overflow():
    far, near = (np.asarray([1e200, 0.0]),), (np.asarray([0.0, 1e199]),)
    with jax.enable_x64(True):
        assert nearest([far, near], (np.zeros(2),)) is near
        assert nearest([near], near) is near


def test_operations_count_every_pass_of_a_loop():
    def count(function, *arguments):
        return operations(jax.make_jaxpr(function)(*arguments).jaxpr)

    matrix, vector = jnp.ones((30, 20)), jnp.ones(20)
    assert count(jnp.dot, matrix, vector) == 2 * 30 * 20
    assert count(jax.jit(jnp.sin), vector) == 20
    looped = lambda x: jax.lax.scan(lambda x, _: (jnp.sin(x), None), x, length=7)[0]
    assert count(looped, vector) == 7 * 20
    assert count(lambda x: jax.lax.while_loop(lambda x: x[0] < 9, lambda x: x + 1, x), vector) == math.inf
    image = jnp.ones((1, 1, 8, 8))
    assert count(lambda x: jax.lax.conv(x, x[:, :, :3, :3], (1, 1), "SAME"), image) == math.inf


def test_only_short_runs_of_small_games_skip_the_optimisation():
    light = lambda game, **settings: compare.prepare("game", game, compare.Settings(**settings)).light
    assert light(gs.games.curl())
    assert light(gs.games.random_quadratic(jax.random.key(0)))
    assert not light(gs.games.curl(), steps=10**8)
    assert not light(gs.games.random_quadratic(jax.random.key(0), (300, 300)))


def test_results_do_not_depend_on_the_optimisation():
    problem = compare.prepare("quadratic", gs.games.random_quadratic(jax.random.key(0)), compare.Settings())
    for name in ("ogda", "cgd"):
        light, heavy = (
            compare.measure(dataclasses.replace(problem, light=light), registry.SOLVERS[name], compare.Settings())
            for light in (True, False)
        )
        np.testing.assert_allclose(light.curves, heavy.curves, rtol=1e-3, atol=1e-5)
        assert light.row.predicted == pytest.approx(heavy.row.predicted, rel=1e-5)


def test_what_was_begun_is_timed_later_and_in_any_order():
    settings = compare.Settings(steps=20)
    problem = compare.prepare("curl", gs.games.curl(), settings)
    with jax.enable_x64(True):
        wide = compare.begin(compare.prepare("curl", gs.games.curl(), settings), registry.SOLVERS["simgd"], settings)
        assert wide.timed().row.microseconds > 0
    begun = [compare.begin(problem, registry.SOLVERS[name], settings) for name in ("simgd", "cgd", "conopt")]
    assert begun[0].run.row.microseconds is None
    for one in reversed(begun[:2]):
        timed = one.timed()
        assert timed.row.microseconds > 0
        assert dataclasses.replace(timed.row, microseconds=None, compile_seconds=None) == one.run.row
    begun[2].cancel()
