"""Callbacks of `gamesolve.run` that write the recorded rows, each with its step.

A run that is taken up again appends: rows that the log has from the step on at which the run goes on (a kill may fall
between the log and the checkpoint) are written anew. Of several processes only the first writes.
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
from typing import Any

import jax
import numpy as np

from gamesolve.driving.run import Chunk
from gamesolve.trees import columns

Logger = Callable[[Chunk], None]


def csv(path: str | Path) -> Logger:
    """Make a callback that writes rows to a CSV file: a column ``step``, and one for each recorded number.

    Args:
        path: the file; its folder is made if need be.

    Returns:
        The callback. A record that is a dict of scalars gives columns of those names, ``a/b`` where it is nested and
        ``a[i,j]`` for the entries of arrays.

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

    def write(file: Any, rows: list[dict[str, Any]], fresh: bool) -> None:
        table = csv_format.DictWriter(file, list(rows[0]), lineterminator="\n")
        if fresh:
            table.writeheader()
        table.writerows(rows)

    return _lines(Path(path), b"step", step_of, write)


def jsonl(path: str | Path) -> Logger:
    """Make a callback that writes rows to a file of JSON lines, one object a row; numbers that are not finite are null.

    Args:
        path: the file; its folder is made if need be.

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

    def write(file: Any, rows: list[dict[str, Any]], fresh: bool) -> None:
        del fresh
        file.writelines(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n" for row in rows)

    return _lines(Path(path), b'{"step": ', step_of, write)


def tensorboard(folder: str | Path) -> Logger:
    """Make a callback that writes TensorBoard's event files; it needs tensorboardX, the extra ``tensorboard``.

    Args:
        folder: where TensorBoard looks.

    Returns:
        The callback; its tags are the columns of `csv`.

    Raises:
        ImportError: without tensorboardX.
    """
    if importlib.util.find_spec("tensorboardX") is None:
        raise ImportError(
            "loggers.tensorboard needs tensorboardX; install it with pip install 'gamesolve[tensorboard]'."
        )
    writers: list[Any] = []

    def log(chunk: Chunk) -> None:
        rows = _rows(chunk)
        if not rows or jax.process_index():
            return
        if not writers:
            writers.append(_events(Path(folder), rows[0]["step"]))
        writers[0](rows)

    return log


def _events(folder: Path, first: int) -> Callable[[list[dict[str, Any]]], None]:
    """Open an event file that counts from step ``first`` on: what older ones say of later steps is void."""
    from tensorboardX.event_file_writer import EventsWriter
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

    folder.mkdir(parents=True, exist_ok=True)
    # tensorboardX's SummaryWriter would leave the last rows of a chunk to a thread, which a kill takes along.
    writer = EventsWriter(str(folder / "events"), f".{os.getpid()}")
    writer.write_event(Event(wall_time=time.time(), step=first, session_log=SessionLog(status=SessionLog.START)))

    def write(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            values = [Summary.Value(tag=name, simple_value=row[name]) for name in row if name != "step"]
            writer.write_event(Event(wall_time=time.time(), step=row["step"], summary=Summary(value=values)))
        writer.flush()

    weakref.finalize(write, writer.close)
    return write


def _lines(path: Path, opening: bytes, step_of: Callable[[bytes], int], write: Callable[..., None]) -> Logger:
    """Make a callback that appends to a file of lines, after it has cut the file to the steps before its own."""
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
    """Cut a log behind its last whole row of an earlier step, in place: a full disk or a kill then loses none of them.

    Args:
        path: the log, if there is one.
        opening: how such a log begins.
        step_of: the step of a line, -1 for a heading.
        step: from which step on rows are void.
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
        raise ValueError(f"{path} is there and is no log of this kind; give another file or move that one.") from None
    if lines:
        os.truncate(path, kept)


def _rows(chunk: Chunk) -> list[dict[str, Any]]:
    if not len(chunk.row_steps):
        return []
    named: Mapping[str, np.ndarray] = columns(chunk.rows)
    lists = {"step": chunk.row_steps.tolist()} | {name: column.tolist() for name, column in named.items()}
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
