"""Comparisons with noise, sets, rules of optax and tuned step sizes, and the sentence that names the best solver."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from gamesolve import compare, registry
from gamesolve.compare.choices import RULES

SOLVERS = {**registry.SOLVERS, **RULES}


def runs(game, names, settings, start=None, **around):
    problem = compare.prepare("game", game, settings, start, **around)
    return problem, [compare.measure(problem, SOLVERS[name], settings) for name in names]


def test_a_tuned_step_size_is_the_best_of_theory():
    game = gs.general_sum(lambda x: -(x[0] ** 2 + 9 * x[1] ** 2) / 2)
    problem, (run,) = runs(game, ["simgd"], compare.Settings(steps=200, tune=True), (jnp.ones(2),))
    assert float(run.row.learning_rate) == pytest.approx(2 / 10, rel=0.05)
    assert run.row.predicted == pytest.approx(0.8, abs=0.02)
    assert run.row.tried == 36
    assert compare.picture(problem, [run]).title == "game, each solver at its best step size"


def test_tuned_step_sizes_per_player_keep_their_ratio():
    settings = compare.Settings(steps=100, learning_rate=(0.4, 0.1), tune=True)
    problem = compare.prepare("curl", gs.games.curl(), settings)
    first, second = compare.tuned(problem, registry.SOLVERS["extragradient"], settings)
    assert first / second == pytest.approx(4, rel=1e-2)
    with pytest.raises(ValueError, match=r"the step size must be above 0 for a search, got 0.0"):
        compare.prepare("curl", gs.games.curl(), compare.Settings(learning_rate=0.0, tune=True))


def test_the_floor_of_a_noisy_game_is_that_of_theory():
    data = jax.random.normal(jax.random.key(0), (64,))
    game = gs.general_sum(lambda x, a: -jnp.mean((x - a) ** 2) / 2).bind(data)
    settings = compare.Settings(steps=4000, learning_rate=0.2, seeds=4)
    _, (run,) = runs(game, ["simgd"], settings, (5.0,), sample=gs.minibatches(data, 4))
    variance = float(jnp.var(data)) / 4
    assert run.row.field_norm == pytest.approx(math.sqrt(0.2 / 1.8 * variance), rel=0.1)
    assert run.row.contraction is run.row.predicted is None
    assert len({float(curve[-1]) for curve in run.curves}) == 4  # each start has noise of its own


def test_a_smaller_step_size_is_found_where_noise_decides():
    game = gs.general_sum(lambda x, a: -jnp.mean((x - a) ** 2) / 2)
    settings = compare.Settings(steps=400, tune=True)
    _, found = runs(game, ["simgd", "svrg"], settings, (3.0,), sample=lambda key: jax.random.normal(key, (2,)))
    assert 1e-3 < float(found[0].row.learning_rate) < 0.3
    assert found[1].row.notes == "it needs a game that is bound to all of its data"


def test_players_stay_in_their_sets():
    box = lambda player: optax.projections.projection_box(player, 0.5, 3.0)
    game = gs.zero_sum(lambda x, y: x**2 / 4 + x * y - y**2 / 4)
    names = ["simgd", "altgd", "extragradient", "alternating-adam", "ogda"]
    problem, found = runs(game, names, compare.Settings(steps=400), (1.0, 2.0), constraints=(None, box))
    assert [run.row.status for run in found] == ["converged"] * 4 + ["n/a"]
    assert found[-1].row.notes == "it has no form for sets"
    for run in found[:4]:
        np.testing.assert_allclose(run.point, (-1.0, 0.5), atol=1e-4)
    assert compare.picture(problem, found).quantity == "natural residual"


def test_constraints_must_match_the_players():
    box = lambda player: optax.projections.projection_box(player, 0.5, 3.0)
    game = gs.zero_sum(lambda x, y: x**2 / 4 + x * y - y**2 / 4)
    with pytest.raises(ValueError, match="one projection or None per player, got 1 for 2 players"):
        runs(game, [], compare.Settings(), (1.0, 2.0), constraints=(box,))
    _, (run,) = runs(game, ["simgd"], compare.Settings(steps=400), (1.0, 2.0), constraints=[None, box])
    assert run.row.status == "converged"


@pytest.mark.parametrize(("name", "arrange"), [("adam", gs.per_player), ("alternating-adam", gs.alternating)])
def test_rules_are_those_of_optax(name, arrange):
    game, start = gs.games.icr_quadratic(), (1.0, 2.0)
    expected = gs.solve(game, arrange(optax.adam(0.1), optax.adam(0.01)), start, 5).players
    found = gs.solve(game, RULES[name].build((0.1, 0.01)), start, 5).players
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_best_solver_is_named_with_its_lead_over_all_starts():
    settings = compare.Settings(steps=400, learning_rate=0.5, seeds=3)
    problem, found = runs(gs.games.curl(), ["simgd", "extragradient", "ogda"], settings)
    sentence = compare.verdict(problem, found)
    counts = [run.row.fields + run.row.products for run in found[1:]]
    lead = float(sentence.split("takes ")[1].split(" times")[0])
    assert sentence.startswith("best: ogda, which takes")
    assert sentence.endswith("over 3 starts, beyond the spread)")
    assert lead == pytest.approx(counts[0] / counts[1], rel=0.05)
    assert compare.verdict(problem, found[1:2]) == "best: extragradient, the only one that converged"
    assert compare.verdict(problem, found[:1]).startswith("best: none")


def test_runs_that_do_not_converge_are_compared_after_equal_evaluations():
    settings = compare.Settings(steps=100, learning_rate=0.1)
    problem, found = runs(gs.games.bilinear(1.0), ["extragradient", "ogda"], settings)
    ends = float(found[0].curves[0, 50]), float(found[1].curves[0, 100])
    factor = max(ends) / min(ends)
    assert f"ends at a {factor:.3g} times smaller distance" in compare.verdict(problem, found)
    assert compare.verdict(problem, found).endswith("none converged from every start")
