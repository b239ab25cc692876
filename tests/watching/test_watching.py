"""`gamesolve.watch` names what a training does, from measurements that closed forms confirm."""

import html
import json
import math
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import gamesolve as gs
from benchmarks.measurements import controls, labelled
from gamesolve import watching
from gamesolve.watching import dashboard, history

BILINEAR, START = gs.zero_sum(lambda x, y: x * y), (1.0, 0.5)
CHEAP = {
    "converging": labelled.bilinear_extragradient,
    "rotating": labelled.cosine_orbit,
    "running off": labelled.bilinear_simgd,
    "chaotic": labelled.logistic_chaos,
    "near a saddle": labelled.cosine_saddle,
    "starved": labelled.vanishing_gradient,
    "noise floor": labelled.noisy_rest,
    "collapsing": labelled.scale_collapse,
}


def logged(path):
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def watched(solver, steps=400, *, game=BILINEAR, start=START, every=20, options=None, **settings):
    watch = gs.watch(game, solver, every=every, tell=None, **settings)
    return watch, gs.run(game, solver, start, steps, chunk=every, callbacks=[watch], **(options or {}))


@pytest.mark.parametrize("state", CHEAP)
def test_a_run_of_known_state_is_named(state):
    watch, _ = labelled.watched(CHEAP[state](11), 11)
    assert watch.verdict.state == state, str(watch.verdict)


def test_the_measurements_are_those_of_the_closed_form():
    eta = 0.1
    watch, solution = watched(gs.simgd(eta), 40)
    row = watch.rows[-1]
    x, y = map(float, solution.players)
    assert row["step"] == 40
    np.testing.assert_allclose(row["norms"], [abs(y), abs(x)], rtol=1e-5)
    np.testing.assert_allclose(row["size"], math.hypot(x, y), rtol=1e-5)
    np.testing.assert_allclose(row["move"], eta * math.hypot(x, y), rtol=1e-5)
    np.testing.assert_allclose(row["exponent"], math.log(1 + eta**2) / 2, rtol=1e-3)
    np.testing.assert_allclose([row["rotation"], row["monotone"], row["signal"][0]], [1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(row["remaining"], math.hypot(x, y), rtol=1e-5)


def test_a_potential_does_not_rotate():
    game = gs.general_sum(*2 * [lambda x, y: -(x**2) - y**2 + x * y])
    watch, _ = watched(gs.simgd(0.01), 20, game=game)
    assert watch.rows[0]["rotation"] == pytest.approx(0, abs=1e-6)
    assert watch.rows[0]["monotone"] < 0


def test_distances_between_places_are_those_between_the_players():
    start = (jnp.ones(500), jnp.zeros(500))
    game = gs.zero_sum(lambda x, y: x @ y)
    watch, _ = watched(gs.simgd(0.1), 40, game=game, start=start)
    one, other = (np.array(row["place"]) for row in watch.rows)
    players = [gs.solve(game, gs.simgd(0.1), start, steps).players for steps in (20, 40)]
    apart = np.linalg.norm(np.concatenate(players[0]) - np.concatenate(players[1]))
    assert np.linalg.norm(one - other) == pytest.approx(apart, rel=0.6)


@pytest.mark.parametrize("donate", [False, True])
def test_the_run_is_the_same_with_a_watch(donate):
    options = {"donate": donate, "sample": lambda key: jax.random.normal(key, (4,)), "key": jax.random.key(3)}
    game = gs.zero_sum(lambda x, y, batch: x * y + jnp.mean(batch) * x)
    data = {name: options[name] for name in ("sample", "key")}
    watch, seen = watched(gs.acgd(0.05), 100, game=game, options=options, **data)
    plain = gs.run(game, gs.acgd(0.05), START, 100, chunk=20, **options)
    assert seen.players == plain.players
    assert [row["step"] for row in watch.rows] == [20, 40, 60, 80, 100]


def test_the_first_chunk_and_each_that_passes_a_multiple_are_measured():
    watch = gs.watch(BILINEAR, gs.simgd(0.1), every=50, tell=None)
    gs.run(BILINEAR, gs.simgd(0.1), START, 200, chunk=20, callbacks=[watch])
    assert [row["step"] for row in watch.rows] == [20, 60, 100, 160, 200]


def test_model_state_dead_units_and_adam_are_measured():
    def payoff(x, y, batch, model_state):
        hidden = jax.nn.relu(x - 1e3) + x  # the first unit is dead: Adam's second moment of it stays zero
        value = jnp.sum(hidden * y) - jnp.sum(y**2) / 2 + jnp.mean(batch)
        return value, gs.Aux(model_state={"count": model_state["count"] + 1})

    game = gs.zero_sum(payoff, model_state={"count": jnp.zeros(())})
    start = (jnp.array([1.0, 0.0]), jnp.array([0.5, 0.0]))
    data = {"sample": lambda key: jax.random.normal(key, (4,)), "key": jax.random.key(0)}
    watch, solution = watched(optax.adam(1e-2), 100, game=game, start=start, options=data, **data)
    assert float(solution.model_state["count"]) == 100
    assert np.isfinite([row["exponent"] for row in watch.rows]).all()


def test_a_named_state_stops_the_run():
    watch, solution = watched(gs.simgd(0.3), 4000, stop=["running off"])
    assert solution.ending is gs.Status.STOPPED
    assert watch.verdict.state == "running off"
    assert int(solution.steps) == watch.verdict.step < 1000


def test_a_run_that_diverges_runs_off():
    watch, solution = watched(gs.simgd(2.0), 1000, every=100)
    assert solution.ending is gs.Status.DIVERGED
    assert watch.verdict.state == "running off"


def test_changes_of_the_state_are_told():
    told = []
    watch = gs.watch(BILINEAR, gs.extragradient(0.1), every=10, tell=told.append)
    gs.run(BILINEAR, gs.extragradient(0.1), START, 400, chunk=10, callbacks=[watch])
    assert [verdict.state for verdict in told] == ["undecided", "converging"]
    assert str(told[-1]).startswith(f"step {told[-1].step}: converging. The norm of the field")


def test_a_resumed_run_takes_up_its_log(tmp_path):
    log, options = tmp_path / "watch.jsonl", {"checkpoint": tmp_path / "run"}
    watched(gs.altgd(0.1), 200, log=log, options=options)
    watch, _ = watched(gs.altgd(0.1), 400, log=log, options=options)
    whole, _ = watched(gs.altgd(0.1), 400)
    lines = logged(log)
    assert [row["step"] for row in watch.rows] == [line["step"] for line in lines] == list(range(20, 401, 20))
    assert watch.verdict.state == lines[-1]["state"] == "rotating"
    np.testing.assert_allclose([row["size"] for row in watch.rows], [row["size"] for row in whole.rows])


def test_a_line_cut_short_by_a_kill_is_written_again(tmp_path):
    log, options = tmp_path / "watch.jsonl", {"checkpoint": tmp_path / "run"}
    watched(gs.altgd(0.1), 100, log=log, options=options)
    log.write_text(log.read_text()[:-30])
    watched(gs.altgd(0.1), 200, log=log, options=options)
    assert [line["step"] for line in logged(log)] == [20, 40, 60, 80, *range(120, 201, 20)]


def test_another_file_is_not_overwritten(tmp_path):
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="log must be a new file or the log of a watch"):
        watched(gs.altgd(0.1), 100, log=tmp_path / "data.csv")
    assert (tmp_path / "data.csv").read_text() == "a,b\n1,2\n"


def test_another_run_begins_anew():
    watch, _ = watched(gs.altgd(0.1), 200)
    gs.run(BILINEAR, gs.altgd(0.1), START, 60, chunk=20, callbacks=[watch])
    assert [row["step"] for row in watch.rows] == [20, 40, 60]


def test_the_page_shows_the_picture_and_each_change(tmp_path):
    watch, _ = watched(gs.extragradient(0.1))
    path = dashboard.page(watch, tmp_path / "folder" / "page.html")
    text = html.unescape(path.read_text())
    assert "data:image/png;base64," in text
    assert str(watch.verdict) in text
    assert text.count("<tr><td>") == 2


def test_a_picture_needs_two_measurements():
    watch, _ = watched(gs.simgd(0.1), 20)
    with pytest.raises(ValueError, match="watch must have two measurements or more, got 1"):
        dashboard.draw(watch)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stop": ["dead"]}, "stop must be a list of states among"),
        ({"stop": "chaotic"}, "stop must be a list of states among"),
        ({"stop": ["undecided"]}, "stop must be a list of states among"),
        ({"stop": 5}, "stop must be a list of states among"),
        ({"every": 0}, "every must be"),
        ({"tangents": 0}, "tangents must be"),
        ({"sample": lambda key: key}, "sample must come with a random key, got key=None"),
        ({"sample": lambda key: key, "key": 0}, "key must be a typed random key, got int"),
        ({"tell": 3}, "tell must be a function of a Verdict, got int"),
    ],
)
def test_mistakes_are_named(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gs.watch(BILINEAR, gs.simgd(0.1), **settings)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (lambda players: players[0], r"outputs must return a real array with an axis of examples, got shape \(\)"),
        (lambda players: {"images": jnp.ones(3)}, "outputs must return a real array .*, got dict"),
        (lambda x, y: x * jnp.ones(3), "outputs must take the players, got lambda"),
    ],
)
def test_outputs_that_are_no_examples_are_named(outputs, message):
    with pytest.raises((TypeError, ValueError), match=message):
        watched(gs.simgd(0.1), 20, outputs=outputs)


def test_another_solver_than_that_of_the_run_is_named():
    watch = gs.watch(BILINEAR, gs.ogda(0.1), every=20, tell=None)
    with pytest.raises(ValueError, match="solver must be that of the run, got ogda"):
        gs.run(BILINEAR, gs.simgd(0.1), START, 20, chunk=20, callbacks=[watch])


def test_a_slow_straight_descent_does_not_run_off():
    game = gs.zero_sum(lambda x, y: (x**2 - y**2) / 2)
    watch, solution = watched(gs.simgd(5e-4), 1000, game=game, start=(1.0, 1.0), every=10, stop=["running off"])
    assert int(solution.steps) == 1000
    assert {verdict.state for verdict in watch.verdicts} <= {"undecided", "converging"}


def test_linear_payoffs_run_off_without_a_zero_in_sight():
    watch, _ = watched(gs.simgd(0.1), game=gs.general_sum(lambda x, y: x, lambda x, y: -y))
    assert watch.verdict.state == "running off"
    assert "is infinite: the field does not change" in watch.verdict.evidence


def test_a_cycle_without_rotation_is_not_rotating():
    game = gs.zero_sum(lambda x, y: (x**2 - y**2) / 2)
    watch, _ = watched(gs.simgd(2.0), game=game)
    assert watch.verdict.state == "undecided"


def test_a_growing_generator_does_not_collapse():
    watch, _ = labelled.watched(controls.growing_scale(11), 11)
    assert "collapsing" not in {verdict.state for verdict in watch.verdicts}


@pytest.mark.parametrize("dtypes", [("bfloat16", "bfloat16"), ("float16", "float16"), ("bfloat16", "float32")])
def test_narrow_players_are_measured(dtypes):
    start = tuple(jnp.ones(4, dtype) for dtype in dtypes)
    watch, _ = watched(gs.altgd(0.1), 300, game=gs.zero_sum(lambda x, y: jnp.sum(x * y)), start=start)
    assert watch.verdict.state == "rotating"


@pytest.mark.parametrize(("scale", "radius"), [(1, 1e-20), (1, 1e20), (1e20, 1.0), (1e-20, 1.0)])
def test_the_verdict_does_not_depend_on_units(scale, radius):
    game = gs.zero_sum(lambda x, y: scale * x * y)
    watch, _ = watched(gs.altgd(0.1 / scale), game=game, start=(radius, radius))
    assert watch.verdict.state == "rotating"
    assert watch.verdict.evidence.startswith("100% of the field's change is rotation")


RING = 10 * np.stack([np.cos(np.arange(256) % 8 * np.pi / 4), np.sin(np.arange(256) % 8 * np.pi / 4)], 1)


@pytest.mark.parametrize("outputs", [RING, (RING + 100).round().astype(np.uint8), RING + 1e4, jnp.asarray(1e20 * RING)])
def test_clumps_are_counted_in_any_units(outputs):
    watch, _ = watched(gs.simgd(0.1), 40, outputs=lambda players: jnp.asarray(outputs))
    np.testing.assert_allclose([row["variety"] for row in watch.rows], 7.855, rtol=0.01)


def test_equal_outputs_are_one_clump_and_a_growing_ring_is_counted_anew():
    watch, _ = watched(gs.simgd(0.1), 40, outputs=lambda players: jnp.ones((256, 2)))
    assert [row["variety"] for row in watch.rows] == [1, 1]
    growing = lambda players: (players[0] - 1) * jnp.asarray(RING)
    watch, _ = watched(gs.simgd(0.1), 40, start=(1.0, 0.0), every=1, outputs=growing)
    assert watch.rows[0]["spread"] == 0
    assert watch.rows[-1]["variety"] == pytest.approx(8, rel=0.1)


def test_a_row_of_nan_outputs_has_no_clumps_and_spoils_no_other_row():
    outputs = lambda players: jnp.where(players[0] < 0.8, 1, jnp.nan) * jnp.asarray(RING)
    watch, _ = watched(gs.simgd(0.1), 40, start=(1.0, 0.1), every=5, outputs=outputs)
    varieties = np.array([row["variety"] for row in watch.rows])
    assert np.isnan(varieties[0])
    np.testing.assert_allclose(varieties[-3:], 7.855, rtol=0.01)


def test_a_verdict_does_not_take_longer_after_many_measurements():
    watch, _ = watched(gs.altgd(0.1), 300)
    rows = [dict(watch.rows[-1], step=20 * number) for number in range(20_000)]
    before = history.of_all(rows[: -history.RECENT])
    begin = time.perf_counter()
    verdict = watching.judge(rows, before)
    assert time.perf_counter() - begin < 0.5  # all rows take several times as long
    assert verdict == watching.judge(rows)


def test_a_watch_begins_anew_in_another_run_with_longer_chunks():
    watch, _ = watched(gs.altgd(0.1), 200)
    gs.run(BILINEAR, gs.altgd(0.1), START, 1000, chunk=500, callbacks=[watch])
    assert [row["step"] for row in watch.rows] == [500, 1000]


def test_the_log_of_another_run_is_refused_and_kept(tmp_path):
    log = tmp_path / "watch.jsonl"
    watched(gs.simgd(0.3), 100, log=log)
    written = log.read_text()
    with pytest.raises(ValueError, match=r"written with solver='simgd .* this run has solver='altgd"):
        watched(gs.altgd(0.1), 100, log=log)
    three = gs.general_sum(*3 * [lambda x, y, z: -(x**2) - y**2 - z**2])
    with pytest.raises(ValueError, match="log must be a new file or the log of this run"):
        watched(gs.simgd(0.3), 100, game=three, start=(1.0, 1.0, 1.0), log=log)
    assert log.read_text() == written


def test_a_run_from_its_start_takes_no_rows_from_its_old_log(tmp_path):
    log = tmp_path / "watch.jsonl"
    watched(gs.simgd(0.3), 100, log=log)
    watch, _ = watched(gs.simgd(0.3), 500, every=250, log=log)
    assert [row["step"] for row in watch.rows] == [line["step"] for line in logged(log)] == [250, 500]


def test_too_few_measurements_are_undecided():
    verdict = watching.judge(watched(gs.simgd(0.1), 60)[0].rows)
    assert verdict == ("undecided", "A verdict needs 12 measurements, and there are 3.", 60)
