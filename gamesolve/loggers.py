"""Callbacks of `gamesolve.run` that write the recorded rows, each with its step.

A resumed run appends to its log. A kill may fall between the log and the checkpoint; rows that the log has beyond the
step at which the run resumes are written again. If there are several processes, only the first one writes.
"""

import csv as csv_format
import importlib.util
import json
import math
import os
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO, TypeAlias

import jax
import numpy as np

from gamesolve.driving.run import Chunk
from gamesolve.trees import Scalar, columns

Logger: TypeAlias = Callable[[Chunk], None]
# The step of a row and its numbers, by column.
LoggedRow: TypeAlias = dict[str, Scalar]


def csv(path: str | Path) -> Logger:
    """Make a callback that writes rows to a CSV file: a column ``step``, and one column per recorded number.

    Args:
        path: the file; its folder is created if it does not exist.

    Returns:
        The callback. A record that is a dict of scalars gives columns of those names. Nested entries are named ``a/b``,
        entries of arrays ``a[i,j]``.

    Example:
        >>> import pathlib, tempfile, gamesolve as gs
        >>> from gamesolve import loggers
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: {"x": players[0]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = pathlib.Path(folder, "log.csv")
        ...     _ = gs.run(game, gs.simgd(0.5), (1.0, 1.0), 4, record=record, every=2, callbacks=[loggers.csv(log)])
        ...     print(log.read_text())
        step,x
        2,-0.25
        4,-1.9375
        <BLANKLINE>
    """

    def step_of(line: bytes) -> int:
        field = line.split(b",", 1)[0].strip()
        return -1 if field == b"step" else int(field)

    def write(file: TextIO, rows: list[LoggedRow], fresh: bool) -> None:
        table = csv_format.DictWriter(file, list(rows[0]), lineterminator="\n")
        if fresh:
            table.writeheader()
        table.writerows(rows)

    return _lines(Path(path), b"step", step_of, write)


def jsonl(path: str | Path) -> Logger:
    """Make a callback that writes rows to a file of JSON lines, one object per row; NaN and infinity become null.

    Args:
        path: the file; its folder is created if it does not exist.

    Returns:
        The callback; its keys are the columns of `csv`.

    Example:
        >>> import pathlib, tempfile, gamesolve as gs
        >>> from gamesolve import loggers
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: players[0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = pathlib.Path(folder, "log.jsonl")
        ...     _ = gs.run(game, gs.simgd(0.5), (1.0, 1.0), 2, record=record, callbacks=[loggers.jsonl(log)])
        ...     print(log.read_text())
        {"step": 1, "value": 0.5}
        {"step": 2, "value": -0.25}
        <BLANKLINE>
    """

    def step_of(line: bytes) -> int:
        return json.loads(line)["step"]

    def write(file: TextIO, rows: list[LoggedRow], fresh: bool) -> None:
        del fresh
        file.writelines(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n" for row in rows)

    return _lines(Path(path), b'{"step": ', step_of, write)


def tensorboard(folder: str | Path) -> Logger:
    """Make a callback that writes TensorBoard event files; it needs tensorboardX, the extra ``tensorboard``.

    Args:
        folder: the log directory of TensorBoard.

    Returns:
        The callback; its tags are the columns of `csv`.

    Raises:
        ImportError: if tensorboardX is not installed.
    """
    if importlib.util.find_spec("tensorboardX") is None:
        raise ImportError(
            "loggers.tensorboard needs tensorboardX. Install it with pip install 'gamesolve[tensorboard]'."
        )
    writers: list[Callable[[list[LoggedRow]], None]] = []

    def log(chunk: Chunk) -> None:
        rows = _rows(chunk)
        if not rows or jax.process_index():
            return
        if not writers:
            writers.append(_events(Path(folder), rows[0]["step"]))
        writers[0](rows)

    return log


def _events(folder: Path, first: int) -> Callable[[list[LoggedRow]], None]:
    """Open an event file that starts at step ``first``; TensorBoard then discards later steps of older files."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

    folder.mkdir(parents=True, exist_ok=True)
    # tensorboardX's SummaryWriter would leave the last rows of a chunk to a thread, which dies in a kill.
    writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
    writer.write_event(Event(wall_time=time.time(), step=first, session_log=SessionLog(status=SessionLog.START)))

    def write(rows: list[LoggedRow]) -> None:
        for row in rows:
            values = [Summary.Value(tag=name, simple_value=row[name]) for name in row if name != "step"]
            writer.write_event(Event(wall_time=time.time(), step=row["step"], summary=Summary(value=values)))
        writer.flush()

    weakref.finalize(write, writer.close)
    return write


def _lines(path: Path, opening: bytes, step_of: Callable[[bytes], int], write: Callable[..., None]) -> Logger:
    """Make a callback that cuts a file of lines to the steps before its own, and then appends to it."""
    last: list[int] = []

    def log(chunk: Chunk) -> None:
        rows = _rows(chunk)
        if not rows or jax.process_index():
            return
        if not last or rows[0]["step"] <= last[-1]:  # the first rows of a run
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut(path, opening, step_of, rows[0]["step"])
        fresh = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as file:
            write(file, rows, fresh)
        last[:] = [rows[-1]["step"]]

    return log


def _cut(path: Path, opening: bytes, step_of: Callable[[bytes], int], step: int) -> None:
    """Cut a log after its last whole row of an earlier step, in place, so that a full disk or a kill loses none.

    Args:
        path: the log; it may not exist.
        opening: first bytes of such a log.
        step_of: function that returns the step of a line, -1 for a heading.
        step: the step from which on rows are discarded.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    end = kept = 0
    try:
        if lines and not lines[0].startswith(opening[: len(lines[0])]):
            raise ValueError
        for line in lines:
            if not line.endswith(b"\n") or (at := step_of(line)) >= step:
                break
            end += len(line)
            kept = end if at >= 0 else kept
    except (ValueError, TypeError, KeyError):
        raise ValueError(
            f"path must be a new file or a log of this kind, got {path}, which is neither. Choose another path or move "
            "the file."
        ) from None
    if lines:
        os.truncate(path, kept)


def _rows(chunk: Chunk) -> list[LoggedRow]:
    if not len(chunk.row_steps):
        return []
    named: Mapping[str, np.ndarray] = columns(chunk.rows)
    lists = {"step": chunk.row_steps.tolist()} | {name: column.tolist() for name, column in named.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _plain(value: float | bool) -> float | bool | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
