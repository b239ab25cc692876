"""TensorBoard event files, written record by record.

A file of records is only appended to. What a kill or a full disk leaves incomplete is followed by a new file, whose
first event makes TensorBoard discard all later steps of older files.
"""

import os
import re
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gamesolve.driving.run import Chunk
from gamesolve.loggers.rows import LoggedRow, Logger, Progress, after, all_of, careful, rows_of

_STAMP = re.compile(r"events\.out\.tfevents\.([0-9]{1,15})\..*")


def logger(folder: Path) -> Logger:
    """Make a callback that writes event files to a folder."""
    held, file = Progress(), folder

    def write(chunk: Chunk) -> None:
        nonlocal file
        begins = held.follow(chunk)
        size, held.size = held.size, None  # until this write has succeeded
        if size is not None and not begins and file.is_file() and file.stat().st_size == size:
            rows, content = rows_of(chunk.rows, chunk.row_steps), b""
        else:
            folder.mkdir(parents=True, exist_ok=True)
            rows, file = _missing(folder, chunk, held.trusted), _next(folder)
            content = _opening(rows[0].step) if rows else b""
        if rows:
            with file.open("ab") as stream:
                stream.write(b"".join([content, *map(_row, rows)]))
            held.trusted, held.size = rows[-1].step, file.stat().st_size

    return careful(folder, write)


def _missing(folder: Path, chunk: Chunk, trusted: int) -> list[LoggedRow]:
    """Return the rows of a run from the first one that the files in a folder do not show."""
    stack = all_of(chunk)
    steps = stack[1].tolist()
    shown = _shown(folder, set(after(stack, len(steps) - 1)[0].numbers)) if steps else set()
    number = next((index for index, step in enumerate(steps) if step > trusted or step not in shown), len(steps))
    return after(stack, number)


def _shown(folder: Path, names: set[str]) -> set[int]:
    """Return the steps at which TensorBoard shows numbers of these names."""
    from tensorboardX.proto.event_pb2 import SessionLog  # pyright: ignore[reportAttributeAccessIssue]

    steps: set[int] = set()
    for path in sorted(path for path in folder.iterdir() if "tfevents" in path.name and path.is_file()):
        for event in _events(path):
            if event.session_log.status == SessionLog.START:
                steps = {step for step in steps if step < event.step}
            if {value.tag for value in event.summary.value} == names:
                steps.add(event.step)
    return steps


def _events(path: Path) -> Iterator[Any]:
    """Read the events of a file up to its end, or to where it is damaged or cut short."""
    from google.protobuf.message import DecodeError
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    content, place = path.read_bytes(), 0
    while place < len(content):
        length = int.from_bytes(content[place : place + 8], "little")
        data, place = content[place + 12 : place + 12 + length], place + 16 + length
        if place > len(content):
            return
        try:
            yield Event.FromString(data)
        except DecodeError:
            return


def _next(folder: Path) -> Path:
    """Return a new name that TensorBoard reads last, whatever the clock says."""
    stamps = [int(match[1]) for path in folder.iterdir() if (match := _STAMP.fullmatch(path.name))]
    stamp = max(int(time.time()), *(stamp + 1 for stamp in stamps), 0)
    return folder / f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"


def _opening(step: int) -> bytes:
    from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]

    now = time.time()
    start = Event(wall_time=now, step=step, session_log=SessionLog(status=SessionLog.START))
    return _record(Event(wall_time=now, file_version="brain.Event:2")) + _record(start)


def _row(row: LoggedRow) -> bytes:
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]
    from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

    values = [Summary.Value(tag=name, simple_value=value) for name, value in row.numbers.items()]
    return _record(Event(wall_time=time.time(), step=row.step, summary=Summary(value=values)))


def _record(event: Any) -> bytes:
    """Return an event as a file holds it: its length, a checksum, the event, a checksum."""
    from tensorboardX.record_writer import masked_crc32c

    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join([length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data))])
