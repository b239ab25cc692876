"""Rivals for one folder: the second run is refused in a sentence, and a lock of the dead locks nobody out."""

import subprocess
import sys
import threading
from pathlib import Path

import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve import loggers
from gamesolve.checkpoint.lock import locked

pytest.importorskip("fcntl")

XY = gs.zero_sum(lambda x, y: x * y)
ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, time
from gamesolve.checkpoint.lock import locked
with locked(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def run(folder, steps=20, **options):
    return gs.run(XY, gs.simgd(0.1), (1.0, 1.0), steps, **({"chunk": 10, "checkpoint": folder} | options))


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(ValueError, match=rf"of one run at a time.*, which process {process.pid} on .* is using"):
            run(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
        process.kill()
    assert run(tmp_path).steps == 20  # the file that the kill left is taken over
    assert not (tmp_path / ".lock").exists()


def test_a_second_run_of_this_process_is_refused(tmp_path):
    """The first one ends as it would alone, and its log has each row once."""
    log, refused = tmp_path / "log.csv", []

    def rival(_):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()

    def attempt():
        with pytest.raises(ValueError, match="of one run at a time"):
            run(tmp_path / "folder", callbacks=[loggers.csv(log)], record=lambda z, _: z[0])
        refused.append(True)

    end = run(tmp_path / "folder", callbacks=[rival, loggers.csv(log)], record=lambda z, _: z[0])
    assert (int(end.steps), refused) == (20, [True, True])
    assert len(log.read_text().splitlines()) == 21


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_run_that_ends_in_an_error_gives_its_lock_back(error, tmp_path):
    def fail(_):
        raise error

    with pytest.raises(error):
        run(tmp_path, callbacks=[fail])
    assert run(tmp_path).steps == 20


def test_many_threads_hold_a_lock_in_turn(tmp_path):
    held, most = [], []

    def hold():
        for _ in range(50):
            try:
                with locked(tmp_path):
                    held.append(True)
                    most.append(len(held))
                    held.pop()
            except ValueError:
                pass

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_folders_without_locks_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr("gamesolve.checkpoint.disk.fcntl", None)
    with locked(tmp_path), locked(tmp_path):
        pass
    with locked(tmp_path / "missing"):
        assert run(tmp_path).steps == 20


def test_text_in_a_lock_is_not_trusted(tmp_path):
    with locked(tmp_path):
        (tmp_path / ".lock").write_bytes(b"\x1b[31m\n" * 1000)
        with pytest.raises(ValueError, match="which another process is using"), locked(tmp_path):
            pass


def test_an_orbax_folder_is_locked_too(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    from gamesolve import orbax

    store = orbax.Folder(tmp_path)
    store.save(5, {"x": jnp.ones(2)}, {})
    with locked(tmp_path):
        with pytest.raises(ValueError, match="of one run at a time"):
            run(store)
        assert store.load(lambda step: {"x": jnp.ones(2)}, {}).step == 5
