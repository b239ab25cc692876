"""Long runs: the numbers of `solve`, and what the loop on the host adds."""

import os
import signal
import subprocess
import sys
import threading
import time

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gamesolve as gs
from gamesolve.driving import progress

XY = gs.zero_sum(lambda x, y: x * y)
NOISY = gs.zero_sum(lambda x, y, batch: jnp.mean(batch) * x * y + x**2 - y**2)
START = (jnp.float32(1.0), jnp.float32(2.0))
FIRST = lambda players, state: {"x": players[0], "both": jnp.stack(players)}
SOLVER = gs.simgd(0.1, 0.5)


def draw(key):
    return jax.random.normal(key, (3,))


def run(*args, **kwargs):
    return gs.run(*args, progress=False, **kwargs)


@pytest.mark.parametrize("options", [{}, {"tol": 1e-3, "max_norm": 1e3}], ids=["fixed", "stopping"])
def test_run_is_solve_in_chunks(options):
    shared = {"record": FIRST, "every": 5, "sample": draw, "key": jax.random.key(0), "start": 3, **options}
    one, other = gs.solve(NOISY, SOLVER, START, 40, **shared), run(NOISY, SOLVER, START, 40, chunk=15, **shared)
    chex.assert_trees_all_close(one, other, rtol=1e-5, atol=1e-7)
    chex.assert_trees_all_equal_shapes_and_dtypes(one, other)
    whole = run(NOISY, SOLVER, START, 40, chunk=40, **shared)
    chex.assert_trees_all_close(other, whole, rtol=1e-6, atol=1e-7)


def test_the_players_that_went_in_stay_usable():
    start = (jnp.ones(3), jnp.ones(3))
    game = gs.games.rotation(3)
    run(game, SOLVER, start, 7, chunk=2)
    assert float(sum(leaf.sum() for leaf in start)) == 6.0


def test_all_chunks_share_a_program():
    traces = []

    def payoff(x, y):
        traces.append(1)
        return x * y

    game = gs.zero_sum(payoff)
    run(game, gs.ogda(0.1), START, 10, chunk=10)
    first = len(traces)
    run(game, gs.ogda(0.2), START, 47, chunk=10)
    assert len(traces) == first


def test_a_run_stops_at_the_tolerance():
    solution = run(XY, gs.extragradient(0.5), (1.0, 1.0), 1000, tol=1e-5, record=lambda z, _: z[0], chunk=30)
    assert (int(solution.steps), int(solution.status)) == (115, gs.Status.CONVERGED)
    assert solution.trace.shape == (1000,)
    np.testing.assert_array_equal(np.isfinite(solution.trace), np.arange(1000) < 115)


@pytest.mark.parametrize("options", [{}, {"tol": 0.0}], ids=["fixed", "stopping"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_divergence_keeps_the_last_finite_players(options, chunk):
    """x -> x - x^5 from 2: -30, 2.4e7, about -8e36, then not finite."""
    game = gs.general_sum(lambda x: -(x**6) / 6)
    solution = run(game, gs.simgd(1.0), (2.0,), 60, record=lambda z, _: z[0], chunk=chunk, **options)
    assert (int(solution.steps), int(solution.status)) == (3, gs.Status.DIVERGED)
    x = np.float32(2.0)
    for _ in range(3):
        x = x - x**5
    np.testing.assert_allclose(solution.players[0], x, rtol=1e-5)
    np.testing.assert_array_equal(solution.trace[2], solution.players[0])
    assert np.isnan(solution.trace[3:]).all()


def test_max_norm_ends_a_run():
    bowl = gs.general_sum(lambda x, y: -(x**2), lambda x, y: -(y**2))
    solution = run(bowl, gs.simgd(1.5), (3.0, 4.0), 10, max_norm=30.0, chunk=2)
    assert (int(solution.steps), int(solution.status)) == (3, gs.Status.DIVERGED)
    np.testing.assert_allclose(solution.players, (-24.0, -32.0))


def numbered(number, size=3):
    return [np.full(size, t, np.float32) for t in range(number)]


SUM = gs.general_sum(lambda x, batch: x * jnp.mean(batch))  # with a step size of one x adds up the batches


def test_batches_of_an_iterable_are_taken_in_turn():
    solution = run(SUM, gs.simgd(1.0), (0.0,), 10, batches=iter(numbered(50)), chunk=4, record=lambda z, _: z[0])
    np.testing.assert_allclose(solution.trace, np.cumsum(np.arange(10)))
    dicts = ({"a": {"b": batch}} for batch in numbered(10))
    nested = gs.general_sum(lambda x, batch: x * jnp.mean(batch["a"]["b"]))
    assert float(run(nested, gs.simgd(1.0), (0.0,), 10, batches=dicts, chunk=4).players[0]) == 45.0


def test_batches_that_end_early_end_the_run():
    seen = []
    watch = lambda chunk: seen.append((chunk.steps, chunk.row_steps.tolist()))
    options = {"chunk": 4, "record": lambda z, _: z[0], "every": 2, "callbacks": [watch]}
    solution = run(SUM, gs.simgd(1.0), (0.0,), 20, batches=numbered(7), **options)
    assert (int(solution.steps), int(solution.status), float(solution.players[0])) == (7, gs.Status.BUDGET, 21.0)
    assert seen == [(4, [2, 4]), (7, [6])]
    assert solution.trace.tolist()[:3] == [1.0, 6.0, 15.0]
    assert run(SUM, gs.simgd(1.0), (0.0,), 20, batches=[]).steps == 0


def test_no_batch_is_taken_that_no_step_needs():
    source = iter(numbered(50))
    run(SUM, gs.simgd(1.0), (0.0,), 10, batches=source, chunk=4)
    assert next(source)[0] == 10.0


@pytest.mark.parametrize("chunk", [1, 4, 6])
def test_all_batches_have_one_shape(chunk):
    with pytest.raises(ValueError, match=r"got float32\[2\] at step 5 and float32\[3\] at step 0"):
        run(SUM, gs.simgd(1.0), (0.0,), 6, batches=[*numbered(5), np.ones(2, np.float32)], chunk=chunk)


def test_no_thread_is_left_over():
    before = threading.active_count()
    run(SUM, gs.simgd(1.0), (0.0,), 10, batches=iter(numbered(50)), chunk=4)
    assert threading.active_count() == before


def test_going_on_skips_the_batches_that_were_used(tmp_path):
    options = {"chunk": 4, "record": lambda z, _: z[0], "checkpoint": tmp_path}
    run(SUM, gs.simgd(1.0), (0.0,), 6, batches=numbered(6), **options)
    solution = run(SUM, gs.simgd(1.0), (0.0,), 20, batches=numbered(20), **options)
    np.testing.assert_allclose(solution.trace, np.cumsum(np.arange(20)))


def test_callbacks_see_every_chunk():
    seen = []
    solution = run(XY, SOLVER, START, 25, start=5, chunk=10, record=FIRST, every=5, callbacks=[seen.append])
    assert [chunk.steps for chunk in seen] == [15, 25, 30]
    assert [chunk.row_steps.tolist() for chunk in seen] == [[10, 15], [20, 25], [30]]
    assert all(chunk.seconds > 0 and chunk.status is gs.Status.BUDGET for chunk in seen)
    rows = jax.tree.map(lambda *parts: np.concatenate(parts), *(chunk.rows for chunk in seen))
    chex.assert_trees_all_equal(rows, jax.tree.map(np.asarray, solution.trace))
    assert seen[-1].players == solution.players


def pressing(times):
    """Return a callback that presses Ctrl-C at its first chunks."""
    pressed = []

    def press(_):
        if len(pressed) < times:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    return press


@pytest.fixture
def _listening():
    """Listen to Ctrl-C, which a process that a shell started in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_listening")
def test_ctrl_c_ends_with_the_result_so_far_and_a_checkpoint(tmp_path):
    before = signal.getsignal(signal.SIGINT)
    options = {"chunk": 10, "checkpoint": tmp_path, "checkpoint_every": 1000, "record": FIRST}
    with pytest.warns(UserWarning, match="interrupted after step 20. The result so far is returned"):
        solution = run(XY, SOLVER, START, 100, callbacks=[pressing(1)], **options)
    assert (int(solution.steps), int(solution.status)) == (20, gs.Status.BUDGET)  # the chunk under way is finished
    assert signal.getsignal(signal.SIGINT) is before
    assert np.isfinite(solution.trace["x"]).sum() == 20
    resumed = run(XY, SOLVER, START, 100, **options)
    chex.assert_trees_all_equal(resumed, run(XY, SOLVER, START, 100, chunk=10, record=FIRST))


@pytest.mark.usefixtures("_listening")
def test_a_second_ctrl_c_raises():
    with pytest.raises(KeyboardInterrupt):
        run(XY, SOLVER, START, 100, chunk=10, callbacks=[pressing(2)])


def test_runs_outside_the_main_thread_leave_ctrl_c_alone():
    ends = []
    thread = threading.Thread(target=lambda: ends.append(run(XY, SOLVER, START, 10).steps))
    thread.start()
    thread.join()
    assert ends == [10]


def test_the_bar_is_for_terminals(monkeypatch, capsys):
    gs.run(XY, SOLVER, START, 10, chunk=5)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    gs.run(XY, SOLVER, START, 10, chunk=5)
    assert "10/10" in capsys.readouterr().err
    monkeypatch.setattr(progress.importlib.util, "find_spec", lambda name: None)
    gs.run(XY, SOLVER, START, 10, chunk=5)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_gets_a_bar_also_without_ipywidgets():
    """A Jupyter kernel has streams that are not terminals, and has imported `ipykernel.zmqshell`."""
    program = (
        "import sys, types; sys.modules['ipykernel.zmqshell'] = types.ModuleType('zmqshell')\n"
        "sys.modules['IPython'] = types.SimpleNamespace(get_ipython=lambda: None); sys.modules['ipywidgets'] = None\n"
        "import gamesolve as gs\n"
        "gs.run(gs.zero_sum(lambda x, y: x * y), gs.simgd(0.5), (1.0, 1.0), 10, chunk=5)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert "10/10" in done.stderr
    assert "ipywidgets" not in done.stderr


def test_a_chunk_says_how_many_steps_were_taken_before_it(tmp_path):
    seen = []
    options = {"checkpoint": tmp_path, "start": 5, "chunk": 20}
    options["callbacks"] = [lambda chunk: seen.append((chunk.before, chunk.steps))]
    for steps in (50, 70):
        gs.run(XY, SOLVER, START, steps, progress=False, **options)
    assert seen == [(5, 25), (25, 45), (45, 55), (55, 65), (65, 75)]
