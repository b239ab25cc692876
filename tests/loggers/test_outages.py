"""Logs after kills, full disks, deletions and other programs: each row once and in order, and no run lost."""

import errno
import itertools
import json
import os
import time
import warnings
from pathlib import Path

import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve import loggers, trees
from gamesolve.loggers import events

XY = gs.zero_sum(lambda x, y: x * y)
MAKERS = ["csv", "jsonl", "tensorboard"]


def record(players, state):
    return {"x": players[0], "all": {"y": jnp.stack(players)}}


def run(steps, *callbacks, **options):
    shared = {"record": record, "every": 2, "chunk": 4, "progress": False} | options
    return gs.run(XY, gs.simgd(0.1), (1.0, 2.0), steps, callbacks=callbacks, **shared)


@pytest.fixture(params=MAKERS)
def kind(request):
    if request.param == "tensorboard":
        pytest.importorskip("tensorboardX")
    return request.param


def shown(kind, path):
    """Return the steps and values of x that a log shows."""
    if kind == "tensorboard":
        rows = {}
        for file in sorted(path.iterdir()):
            for event in events._events(file):
                if event.HasField("session_log"):
                    rows = {step: row for step, row in rows.items() if step < event.step}
                assert event.step not in rows or not event.summary.value
                if event.summary.value:
                    rows[event.step] = next(value.simple_value for value in event.summary.value if value.tag == "x")
        return list(rows.items())
    lines = path.read_text().splitlines()
    if kind == "jsonl":
        return [(json.loads(line)["step"], json.loads(line)["x"]) for line in lines]
    heading, *rows = [line.split(",") for line in lines]
    return [(int(row[0]), float(row[heading.index("x")])) for row in rows]


def check(kind, path, solution):
    """Every row of a run is in its log once, in order, with its own numbers."""
    rows = shown(kind, path)
    assert [step for step, _ in rows] == list(range(2, int(solution.steps) + 1, 2))
    assert [value for _, value in rows] == pytest.approx(solution.trace["x"].tolist())


def cut(number):
    def damage(path):
        file = max(path.iterdir()) if path.is_dir() else path
        content = file.read_bytes()
        file.write_bytes(content[: len(content) - number])

    return damage


def removed(path):
    for file in list(path.iterdir()) if path.is_dir() else [path]:
        file.unlink()


def without_a_row(path):
    """Remove the second row of a file of lines; files of events only lose their ends."""
    if path.is_file():
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-3] + lines[-2:]))


DAMAGES = {
    "nothing": lambda path: None,
    "removed": removed,
    "cut by a byte": cut(1),
    "cut by a row": cut(100),
    "cut by most": cut(400),
    "without a row": without_a_row,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_resumed_run_writes_what_its_log_lacks(damage, kind, tmp_path):
    path, make = tmp_path / "log", getattr(loggers, kind)
    options = {"checkpoint": tmp_path / "checkpoints", "checkpoint_every": 2}
    run(16, make(path), **options)
    DAMAGES[damage](path)
    check(kind, path, run(24, make(path), **options))


def test_a_logger_that_is_added_on_resume_has_all_rows(kind, tmp_path):
    path, options = tmp_path / "log", {"checkpoint": tmp_path / "checkpoints"}
    run(16, **options)
    check(kind, path, run(24, getattr(loggers, kind)(path), **options))


def test_a_log_that_can_not_be_written_for_a_while_catches_up(kind, tmp_path, monkeypatch):
    """Of eight chunks, the log of the second to fifth can't be written: one warning, and no row is lost."""
    calls, real, path = itertools.count(), Path.open, tmp_path / "log"

    def full(self, mode="r", *args, **kwargs):
        if mode == "ab" and next(calls) in range(1, 5):
            with real(self, mode) as file:
                file.write(b"half of a r")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.warns(UserWarning, match=r"the log .* was not written \(No space left on device\)\. The run") as told:
        solution = run(32, getattr(loggers, kind)(path))
    assert len(told) == 1
    monkeypatch.undo()
    check(kind, path, solution)


@pytest.mark.parametrize("old", [False, True], ids=["new", "over an older run"])
def test_a_log_whose_first_rows_can_not_be_written_has_them_later(old, kind, tmp_path, monkeypatch):
    path, make, calls, real = tmp_path / "log", getattr(loggers, kind), itertools.count(), Path.open
    if old:
        gs.run(XY, gs.simgd(0.3), (5.0, 2.0), 32, record=record, every=2, callbacks=[make(path)], progress=False)

    def full(self, mode="r", *args, **kwargs):
        if mode == "ab" and next(calls) < 3:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.warns(UserWarning, match="Read-only file system"):
        solution = run(32, make(path))
    check(kind, path, solution)


def test_a_log_that_never_can_be_written_ends_no_run(kind, tmp_path):
    (tmp_path / "file").write_text("mine")
    options = {"checkpoint": tmp_path / "checkpoints"}
    with pytest.warns(UserWarning, match="was not written") as told:
        solution = run(16, getattr(loggers, kind)(tmp_path / "file" / "log"), **options)
    assert (int(solution.steps), len(told)) == (16, 1)


def test_a_log_that_is_removed_during_a_run_is_written_anew(kind, tmp_path):
    path = tmp_path / "folder" / "log"

    def remove(chunk):
        if chunk.steps == 8:
            removed(path)
            path.rmdir() if path.is_dir() else path.parent.rmdir()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(kind, path, run(20, getattr(loggers, kind)(path), remove))


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_another_program_that_writes_to_a_log_is_mentioned(kind, tmp_path):
    path = tmp_path / "log"

    def meddle(chunk):
        if chunk.steps == 8:
            with path.open("a") as file:
                file.write("mine\n")

    with pytest.warns(UserWarning, match="another program has changed the log"):
        solution = run(20, getattr(loggers, kind)(path), meddle)
    check(kind, path, solution)


@pytest.mark.parametrize("value", [3, 3.5, [1, 2]], ids=["count", "float", "nested"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_recorded_step_is_not_taken_for_the_step(kind, value, tmp_path):
    path = tmp_path / "log"
    columns = lambda z, _: {"step": jnp.asarray(value), "x": z[0]}
    if isinstance(value, list):
        check(kind, path, _with_trace_of_x(run(8, getattr(loggers, kind)(path), record=columns)))
        return
    run(8, getattr(loggers, kind)(path))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"record must not name an entry 'step', .* of the log\. Rename the entry"):
        run(8, getattr(loggers, kind)(path), record=columns)
    assert path.read_bytes() == before


def _with_trace_of_x(solution):
    return solution._replace(trace={"x": solution.trace["x"]})


NAMES = ["a\nb", "a\rb", "a\r\nb", "\n", "a,b", 'a"b', "a\x00b", "\u2028", "step\n", "größe", " step", "'", "=1+1"]


@pytest.mark.parametrize("name", NAMES)
def test_columns_of_every_name_are_resumed(name, kind, tmp_path):
    path, make = tmp_path / "log", getattr(loggers, kind)
    options = {"checkpoint": tmp_path / "checkpoints", "record": lambda z, _: {name: z[1], "x": z[0]}}
    run(8, make(path), **options)
    solution = run(16, make(path), **options)
    if kind == "csv":
        import csv

        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        assert [row[0] for row in rows] == ["step", *map(str, range(2, 17, 2))]
        assert {len(row) for row in rows} == {3}
    else:
        check(kind, path, solution)


def test_columns_of_one_name_are_refused(kind, tmp_path):
    twice = lambda z, _: {"a": {"b": z[0]}, "a/b": z[1]}
    with pytest.raises(ValueError, match="the names of columns must differ, got 'a/b' twice"):
        run(4, getattr(loggers, kind)(tmp_path / "log"), record=twice)
    with pytest.raises(ValueError, match="must differ"):
        trees.columns({"a": jnp.ones((1, 2)), "a[0]": jnp.ones(1)})


def test_a_log_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "log"
    run(8, loggers.csv(path))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"a log of the same columns, got .*log with other columns\. Choose another"):
        run(8, loggers.csv(path), record=lambda z, _: z[0], start=8)
    assert path.read_bytes() == before
    run(8, loggers.csv(path), record=lambda z, _: z[0])  # a run from the start replaces the log
    assert path.read_text().startswith("step,value\n2,")


def test_a_log_continues_after_earlier_runs(kind, tmp_path):
    """Runs that are chained by start= without checkpoints share a log."""
    path = tmp_path / "log"
    first = run(8, getattr(loggers, kind)(path))
    options = {"record": record, "every": 2, "chunk": 4, "progress": False, "start": 8}
    gs.run(XY, gs.simgd(0.1), first.players, 8, callbacks=[getattr(loggers, kind)(path)], **options)
    check(kind, path, run(16))


@pytest.mark.parametrize("clock", [lambda: 0.0, lambda: 1e9, lambda: 4e9], ids=["1970", "set back", "ahead"])
def test_event_files_are_read_in_order_whatever_the_clock_says(clock, tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    path, options = tmp_path / "log", {"checkpoint": tmp_path / "checkpoints", "checkpoint_every": 2}
    for steps in (8, 12, 20):  # three runs within a second of one process
        solution = run(steps, loggers.tensorboard(path), **options)
        monkeypatch.setattr(time, "time", clock)
    assert len(list(path.iterdir())) == 3
    check("tensorboard", path, solution)


def test_a_pipe_is_written_without_being_read(tmp_path):
    log = loggers.csv("/dev/null")
    run(8, log)
    assert run(8, log).steps == 8
