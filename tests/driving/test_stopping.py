"""Callbacks that stop a run: what is kept, how it is resumed, and the ready-made ones."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve import checkpoint, loggers

XY = gs.zero_sum(lambda x, y: x * y)
LINE = gs.general_sum(lambda x: x)  # with a step size of one, x counts the steps
SHARED = {"chunk": 5, "progress": False, "record": lambda players, state: {"x": players[0]}}


def count(steps=50, **options):
    return gs.run(LINE, gs.simgd(1.0), (0.0,), steps, **SHARED | options)


def until(step, answer=True):
    return lambda chunk: answer if chunk.steps >= step else None


def raising(chunk):
    if chunk.steps >= 20:
        raise StopIteration


def state_of(solution):
    return int(solution.steps), gs.Status(int(solution.status)), float(solution.players[0])


@pytest.mark.parametrize("donate", [False, True])
@pytest.mark.parametrize(
    "stop", [until(20), until(20, np.True_), until(20, jnp.array(True)), raising], ids=["bool", "numpy", "jax", "raise"]
)
def test_a_callback_stops_a_run_and_the_others_see_its_last_chunk(stop, donate, tmp_path):
    seen = []
    solution = count(callbacks=[stop, lambda chunk: seen.append(chunk.steps)], checkpoint=tmp_path, donate=donate)
    assert state_of(solution) == (20, gs.Status.STOPPED, 20.0)
    np.testing.assert_array_equal(solution.trace["x"], [*range(1, 21), *[np.nan] * 30])
    assert seen == [5, 10, 15, 20]
    assert checkpoint.found(tmp_path)[0][0] == 20
    assert gs.Status.STOPPED.sentence == "was stopped by a callback"


def test_false_does_not_stop():
    assert state_of(count(callbacks=[until(5, False), until(5, np.False_)])) == (50, gs.Status.BUDGET, 50.0)


@pytest.mark.parametrize("answer", [1, 0, "stop", np.ones(2, bool), jnp.float32(0.0)], ids=repr)
def test_other_answers_are_refused(answer):
    with pytest.raises(TypeError, match="a callback must return True to stop the run, or False or None, got"):
        count(callbacks=[until(5, answer)])


def test_other_ends_keep_their_names():
    solution = gs.run(XY, gs.extragradient(0.5), (1.0, 1.0), 1000, tol=1e-5, chunk=115, callbacks=[until(115)])
    assert (int(solution.steps), int(solution.status)) == (115, gs.Status.CONVERGED)


def test_a_stop_at_the_last_step_is_one():
    assert state_of(count(20, callbacks=[until(20)])) == (20, gs.Status.STOPPED, 20.0)


@pytest.mark.parametrize("every", [1, 100])
def test_the_same_command_ends_where_it_was_stopped_and_goes_on_without_the_stop(every, tmp_path):
    seen = []
    options = {"checkpoint": tmp_path / "run", "checkpoint_every": every}
    logs = [loggers.csv(tmp_path / "log.csv")]
    stopping = [gs.stopping.target("x", 18.0, smaller_is_better=False), seen.append]
    stopped = count(callbacks=[*stopping, *logs], **options)
    assert state_of(stopped) == (20, gs.Status.STOPPED, 20.0)
    again = count(callbacks=[*stopping, *logs], **options)
    chex.assert_trees_all_equal(again, stopped)
    for before, repeated in zip(*seen[-2:], strict=True):  # the last chunk is seen again, with the same rows
        if isinstance(before, dict):
            chex.assert_trees_all_equal(before, repeated)
    assert [chunk.row_steps.tolist() for chunk in seen[-2:]] == [[16, 17, 18, 19, 20]] * 2
    further = count(callbacks=logs, **options)
    chex.assert_trees_all_equal(further, count())
    assert [line.split(",")[0] for line in (tmp_path / "log.csv").read_text().split()[1:]] == list(
        map(str, range(1, 51))
    )
    assert count(callbacks=stopping, **options).status == gs.Status.BUDGET


def test_a_stop_that_is_taken_back_at_the_last_step_is_none(tmp_path):
    count(20, callbacks=[until(20)], checkpoint=tmp_path)
    assert state_of(count(20, checkpoint=tmp_path)) == (20, gs.Status.BUDGET, 20.0)


def valley(players, state):
    """Return a metric that falls by one per step to step 12, then rises."""
    return {"depth": {"down": jnp.abs(players[0] - 12)}, "pair": jnp.ones(2)}


@pytest.mark.parametrize(("rows", "options", "end"), [(3, {}, 15), (10, {}, 25), (3, {"min_change": 5.0}, 5)])
def test_patience_ends_without_progress(rows, options, end):
    solution = count(record=valley, callbacks=[gs.stopping.patience("depth/down", rows, **options)])
    assert state_of(solution)[:2] == (end, gs.Status.STOPPED)


@pytest.mark.parametrize("first", [10, 20, 21])
def test_patience_remembers_the_rows_of_a_checkpoint(first, tmp_path):
    options = {"record": valley, "checkpoint": tmp_path, "callbacks": [gs.stopping.patience("depth/down", 10)]}
    count(first, **options)
    assert state_of(count(**options))[:2] == (25, gs.Status.STOPPED)
    assert state_of(count(**options))[:2] == (25, gs.Status.STOPPED)
    more = {"callbacks": [gs.stopping.patience("depth/down", 20)]}
    assert state_of(count(**options | more))[:2] == (35, gs.Status.STOPPED)


def test_patience_takes_nan_for_the_worst():
    record = lambda players, state: jnp.where(players[0] < 8, jnp.nan, -players[0])
    assert count(record=record, callbacks=[gs.stopping.patience("value", 10)]).status == gs.Status.BUDGET
    always = lambda players, state: jnp.nan * players[0]
    assert count(record=always, callbacks=[gs.stopping.patience("value", 10)]).steps == 15
    rises = [gs.stopping.patience("value", 10, smaller_is_better=False)]
    assert count(record=lambda players, state: players[0], callbacks=rises).status == gs.Status.BUDGET


def test_a_target_is_reached_at_the_end_of_a_chunk():
    dips = lambda players, state: {"loss": jnp.where(players[0] == 12, 0.0, 30 - players[0])}
    solution = count(record=dips, callbacks=[gs.stopping.target("loss", 12.0)])
    assert state_of(solution)[:2] == (20, gs.Status.STOPPED)
    assert solution.trace["loss"][19] <= 12.0


def test_nan_in_a_metric_stops():
    record = lambda players, state: {"log": jnp.log(14 - players[0]), "x": players[0]}
    assert count(record=record, callbacks=[gs.stopping.not_finite("log")]).steps == 15
    assert count(record=record, callbacks=[gs.stopping.not_finite("x")]).steps == 50


def test_the_time_limit_is_that_of_each_call(tmp_path):
    limits = [gs.stopping.time_limit(0.0)]
    assert count(callbacks=limits, checkpoint=tmp_path).steps == 5
    assert count(callbacks=[gs.stopping.time_limit(3600.0)], checkpoint=tmp_path).steps == 50


@pytest.mark.parametrize("options", [{}, {"record": None}], ids=["another", "none"])
def test_a_metric_must_be_recorded(options):
    with pytest.raises(
        ValueError, match="metric must be the name of a recorded number, got 'loss', and record returned"
    ):
        count(callbacks=[gs.stopping.not_finite("loss")], **options)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="rows must be at least 1"):
        gs.stopping.patience("x", 0)
    with pytest.raises(ValueError, match="min_change"):
        gs.stopping.patience("x", 1, min_change=-1.0)
    with pytest.raises(ValueError, match="seconds"):
        gs.stopping.time_limit(-1.0)
    with pytest.raises(ValueError, match="value"):
        gs.stopping.target("x", jnp.nan)


def test_earlier_rows_are_complete_in_few_stacks():
    lengths = []

    def watch(chunk):
        lengths.append(len(chunk.earlier))
        steps = np.concatenate([*(steps for _, steps in chunk.earlier), chunk.row_steps])
        values = np.concatenate([*(rows["x"] for rows, _ in chunk.earlier), chunk.rows["x"]])
        np.testing.assert_array_equal(values, steps)
        np.testing.assert_array_equal(steps, np.arange(1, chunk.steps + 1))

    count(500, callbacks=[watch], key=jax.random.key(0))
    assert max(lengths) <= 8
