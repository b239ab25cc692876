import json

import jax.numpy as jnp
import pytest

import gamesolve as gs
from gamesolve import loggers

XY = gs.zero_sum(lambda x, y: x * y)
RECORD = lambda players, state: {"x": players[0], "all": {"z": jnp.stack(players)}}


def run(steps, *callbacks, **options):
    shared = {"record": RECORD, "every": 2, "chunk": 4, "progress": False} | options
    return gs.run(XY, gs.simgd(0.1), (1.0, 2.0), steps, callbacks=callbacks, **shared)


def test_csv_has_a_column_for_each_number(tmp_path):
    log = tmp_path / "logs" / "log.csv"
    trace = run(10, loggers.csv(log)).trace
    heading, *rows = log.read_text().splitlines()
    assert heading == "step,all/z[0],all/z[1],x"
    assert [int(row.split(",")[0]) for row in rows] == [2, 4, 6, 8, 10]
    assert [float(row.split(",")[3]) for row in rows] == trace["x"].tolist()
    assert [float(row.split(",")[2]) for row in rows] == trace["all"]["z"][:, 1].tolist()


@pytest.mark.parametrize("make", [loggers.csv, loggers.jsonl])
def test_going_on_appends_without_duplicates(make, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run(20, make(whole))
    options = {"checkpoint": tmp_path / "checkpoints", "checkpoint_every": 2}
    run(8, make(broken), **options)
    with broken.open("a") as file:  # what a kill leaves: a row beyond the checkpoint, and half of one
        file.write(whole.read_text().splitlines(keepends=True)[5 if make is loggers.csv else 4])
        file.write('{"ste' if make is loggers.jsonl else "1")
    run(20, make(broken), **options)
    assert broken.read_text() == whole.read_text()


def test_another_run_starts_its_log_anew(tmp_path):
    log = tmp_path / "log.csv"
    run(10, loggers.csv(log))
    first = log.read_text()
    run(10, loggers.csv(log))
    assert log.read_text() == first


@pytest.mark.parametrize("make", [loggers.csv, loggers.jsonl])
@pytest.mark.parametrize("content", ["mine", "mine\n", "step\nmine\n", '{"step": 1}\n{"x": 1}\n'])
def test_other_files_are_left_alone(make, content, tmp_path):
    path = tmp_path / "notes"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"must be a new file or a log of this kind, got .*notes, which is neither"):
        run(4, make(path))
    assert path.read_text() == content


@pytest.mark.parametrize("left", ["st", "step,all/z[0],all/z[1],x", "step,all/z[0],all/z[1],x\n"])
def test_a_heading_without_rows_is_written_anew(left, tmp_path):
    log, other = tmp_path / "log.csv", tmp_path / "other.csv"
    log.write_text(left)
    run(4, loggers.csv(log), loggers.csv(other))
    assert log.read_text() == other.read_text()


def test_a_logger_serves_several_runs(tmp_path):
    log = loggers.jsonl(tmp_path / "log")
    run(10, log)
    first = (tmp_path / "log").read_text()
    run(10, log)
    assert (tmp_path / "log").read_text() == first


def test_json_lines_are_json_where_numbers_are_not_finite(tmp_path):
    log = tmp_path / "log.jsonl"
    run(2, loggers.jsonl(log), record=lambda z, _: {"bad": jnp.array([jnp.nan, 1.0]), "flag": z[0] > 0})
    assert json.loads(log.read_text()) == {"step": 2, "bad[0]": None, "bad[1]": 1.0, "flag": True}


def test_chunks_without_rows_write_nothing(tmp_path):
    run(4, loggers.csv(tmp_path / "log.csv"), record=None, every=1)
    assert not list(tmp_path.iterdir())


def test_tensorboard_event_files(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    trace = run(6, loggers.tensorboard(tmp_path)).trace
    (path,) = (path for path in tmp_path.iterdir() if "tfevents" in path.name)
    content, events = path.read_bytes(), []
    while content:  # each record: its length, a checksum, the event, a checksum
        length = int.from_bytes(content[:8], "little")
        events.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    logged = {(value.tag, event.step): value.simple_value for event in events for value in event.summary.value}
    assert len(logged) == 9
    assert [logged["x", step] for step in (2, 4, 6)] == trace["x"].tolist()


def test_without_tensorboardx(monkeypatch, tmp_path):
    monkeypatch.setattr(loggers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ImportError, match=r"loggers\.tensorboard needs tensorboardX\. Install it with pip install .*\[tensorboard\]'"
    ):
        loggers.tensorboard(tmp_path)
