"""File systems of all kinds: what is whole is never reported as lost, and what is lost is said once."""

import errno
import os
import threading
import warnings
from pathlib import Path

import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve import checkpoint

XY = gs.zero_sum(lambda x, y: x * y)
REFUSALS = [errno.EINVAL, errno.EACCES, errno.EPERM, errno.EBUSY, errno.EIO, errno.ENOTSUP]


def run(folder, steps=80, **options):
    return gs.run(XY, gs.simgd(0.1), (1.0, 1.0), steps, **({"chunk": 10, "checkpoint": folder} | options))


def told(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught]


def steps_of(folder):
    return [step for step, _ in checkpoint.found(folder)]


def failing(monkeypatch, owner, name, number, where=lambda *args: True, first=False):
    """Let a function fail with an error number; with ``first`` it does its work before."""
    real = getattr(owner, name)

    def fail(*args, **kwargs):
        if not where(*args):
            return real(*args, **kwargs)
        if first:
            real(*args, **kwargs)
        raise OSError(number, os.strerror(number), str(args[0]))

    monkeypatch.setattr(owner, name, fail)


def is_folder(descriptor, *_):
    return os.path.isdir(f"/proc/self/fd/{descriptor}") if isinstance(descriptor, int) else os.path.isdir(descriptor)  # noqa: PTH112


@pytest.mark.parametrize("number", REFUSALS)
@pytest.mark.parametrize("function", ["fsync", "open"])
def test_folders_that_can_not_be_synced_are_not_mentioned(function, number, tmp_path, monkeypatch):
    failing(monkeypatch, os, function, number, is_folder)
    assert told(lambda: run(tmp_path)) == []
    assert steps_of(tmp_path) == [80, 70, 60]


@pytest.mark.parametrize("number", REFUSALS)
def test_files_that_can_not_be_deleted_are_mentioned_once(number, tmp_path, monkeypatch):
    failing(monkeypatch, Path, "unlink", number, lambda path, **_: path.suffix == ".gs")
    (said,) = told(lambda: run(tmp_path))
    assert said == f"superseded checkpoints in {tmp_path} could not be deleted ({os.strerror(number)})."
    assert len(steps_of(tmp_path)) == 8


def test_an_error_after_the_rename_is_not_one(tmp_path, monkeypatch):
    failing(monkeypatch, Path, "replace", errno.EIO, first=True)
    assert told(lambda: run(tmp_path)) == []
    assert steps_of(tmp_path) == [80, 70, 60]


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EDQUOT, "Quota exceeded"), OSError("no text")])
def test_whatever_keeps_a_checkpoint_from_being_written_is_a_warning(error, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr("gamesolve.checkpoint.files.write", fail)
    ends = []
    said = told(lambda: ends.append(run(tmp_path, 20)))
    assert [line.partition(" (")[0] for line in said] == [
        f"the checkpoint of step {n} was not written" for n in (10, 20)
    ]
    assert ends[0].steps == 20


@pytest.mark.parametrize("name", ["nul\0", "long" * 100, "file/below", "notes"])
def test_folders_that_can_not_be(name, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ValueError, match=r"checkpoint must be a folder that can be created, got .* \(.+\)\. Pass"):
        run(str(tmp_path / name))


def test_threads_that_save_at_once_keep_whole_files(tmp_path):
    """Eight threads write the same steps with other contents: no temporary is shared or deleted while it is in use."""
    like, errors = {"x": jnp.zeros(20_000)}, []

    def save(number):
        try:
            for step in range(12):
                checkpoint.save(tmp_path, step, {"x": jnp.full(20_000, float(number))}, keep=2)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert told(lambda: checkpoint.load(tmp_path, lambda step: like)) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"checkpoint-{step:010d}.gs" for step in (10, 11)]


def test_a_temporary_file_in_use_stays(tmp_path):
    from gamesolve.checkpoint import disk

    temporary, file = disk._temporary(tmp_path / "checkpoint-0000000001.gs")
    with file:
        disk.discard_leftovers(tmp_path)
        assert temporary.exists()
    disk.discard_leftovers(tmp_path)
    assert not temporary.exists()
