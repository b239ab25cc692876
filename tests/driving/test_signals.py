"""Signals during a run: SIGTERM is Ctrl-C with exit code 143, and a second signal takes effect at once."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import chex
import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve import checkpoint
from gamesolve.driving import memory, progress
from gamesolve.driving.signals import Terminated, interruption
from tests.driving import gan_run

XY = gs.zero_sum(lambda x, y: x * y)
ROOT = Path(__file__).resolve().parents[2]


def run(steps=50, **options):
    return gs.run(XY, gs.simgd(0.1), (1.0, 1.0), steps, **({"chunk": 10, "progress": False} | options))


def sending(*signals):
    """Return a callback that sends a process's own signals after its first chunk."""
    left = list(signals)

    def send(_):
        for number in left:
            os.kill(os.getpid(), number)
            time.sleep(0.01)
        left.clear()

    return send


@pytest.fixture(autouse=True)
def _handlers():
    """Listen as a program in the foreground does."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        assert signal.getsignal(number) is usual[number]
        signal.signal(number, handler)


def test_sigterm_leaves_a_checkpoint_the_result_and_exit_code_143(tmp_path):
    options = {"checkpoint": tmp_path, "checkpoint_every": 1000, "record": lambda z, _: z[0]}
    with pytest.raises(SystemExit) as caught:
        run(callbacks=[sending(signal.SIGTERM)], **options)
    assert caught.value.code == 143
    assert isinstance(caught.value, Terminated)
    assert int(caught.value.solution.steps) == 20  # the chunk that was under way is finished
    assert checkpoint.found(tmp_path)[0][0] == 20
    chex.assert_trees_all_equal(run(**options), run(record=options["record"]))


def test_sigterm_in_the_last_chunk_ends_the_program_too():
    with pytest.raises(SystemExit) as caught:
        run(20, callbacks=[sending(signal.SIGTERM)])
    assert int(caught.value.solution.steps) == 20


def test_ctrl_c_and_sigterm_together_are_sigterm():
    with pytest.raises(SystemExit):
        run(callbacks=[sending(signal.SIGINT, signal.SIGTERM)])


def test_a_program_with_its_own_handler_of_sigterm_keeps_it():
    received = []
    signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    try:
        assert run(callbacks=[sending(signal.SIGTERM)]).steps == 50
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert received == [True]


def test_a_signal_is_heard_while_a_chunk_is_computed():
    """The first one is noted and the second one raises, long before the chunk ends."""
    ends = threading.Event()
    endless = SimpleNamespace(status=SimpleNamespace(is_ready=lambda: False), block_until_ready=ends.wait)

    def press_twice():
        for _ in range(2):
            time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

    with interruption((jnp.ones(()),)) as interrupted:
        thread = threading.Thread(target=press_twice)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            memory.wait(endless)
        assert interrupted() == signal.SIGINT
        thread.join()
    ends.set()


def test_a_terminated_program_goes_on_where_it_stopped(tmp_path):
    """A GAN run on batches of an iterable, ended by a scheduler."""
    command = [sys.executable, "-m", "tests.driving.gan_run", str(tmp_path), "batches"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        process.stdout.read()
    assert process.returncode == 143
    assert checkpoint.found(tmp_path / "checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        resumed = gan_run.train(tmp_path / "checkpoints", batches=gan_run.batches())
    chex.assert_trees_all_equal(resumed, gan_run.train(batches=gan_run.batches()))


class Closed:
    def isatty(self):
        raise ValueError("I/O operation on closed file")


@pytest.mark.parametrize("stream", [None, Closed(), SimpleNamespace(isatty=lambda: False)])
def test_programs_without_a_terminal_run(stream, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", stream)
    assert not progress.is_terminal(stream)
    assert run(progress=True).steps == 50
