"""Logs that are files of lines: a run continues its log, and replaces what the log lacks or has too much."""

import errno
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gamesolve.driving.run import Chunk
from gamesolve.loggers.rows import LoggedRow, Logger, Progress, after, all_of, careful, rows_of


class Format(NamedTuple):
    """A format of lines.

    Attributes:
        opening: first bytes of such a log.
        step_of: function that returns the step of a line, -1 for a heading; it raises `ValueError` at other lines.
        heading: function of the first row that returns the line above it, or "".
        line: function of a row that returns its line.
    """

    opening: bytes
    step_of: Callable[[bytes], int]
    heading: Callable[[LoggedRow], str]
    line: Callable[[LoggedRow], str]


def logger(path: Path, form: Format) -> Logger:
    """Make a callback that writes rows to a file of lines."""
    held = Progress()

    def write(chunk: Chunk) -> None:
        begins = held.follow(chunk)
        size, held.size = held.size, None  # until this write has succeeded
        path.parent.mkdir(parents=True, exist_ok=True)
        if size is not None and not begins and size == _size(path):
            rows, heading = rows_of(chunk.rows, chunk.row_steps), ""
        else:
            if size is not None and not begins:
                warnings.warn(
                    f"another program has changed the log {path}. The rows of this run are written to it again.",
                    stacklevel=5,
                )
            rows, heading = _missing(path, form, chunk, held.trusted, held.wrote and not begins)
        if rows:
            with path.open("ab") as file:
                file.write("".join([heading, *map(form.line, rows)]).encode())
            held.trusted, held.wrote = rows[-1].step, True
        held.size = _size(path)

    return careful(path, write)


def _missing(path: Path, form: Format, chunk: Chunk, trusted: int, ours: bool) -> tuple[list[LoggedRow], str]:
    """Cut a log after the last row that the run agrees with; return the rows that it lacks, and the heading above them.

    It is cut in place, so that a full disk or a kill loses no row before.

    Args:
        path: the log; it may not exist.
        form: its format.
        chunk: the rows of the run.
        trusted: the last step whose row may be in the log already; rows before those of the run stay too.
        ours: whether this run has written to it, so that lines of another kind are damage.
    """
    stack = all_of(chunk)
    steps = stack[1].tolist()
    # A pipe or a terminal can't be read back.
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    if lines and not lines[0].startswith(form.opening[: len(lines[0])]):
        raise FileExistsError(errno.EEXIST, "another file has its name") if ours else _foreign(path)
    end = kept = number = 0
    for line in lines:
        try:
            at = form.step_of(line) if line.endswith(b"\n") else None
        except (ValueError, TypeError, KeyError, RecursionError):
            if not ours:
                raise _foreign(path) from None
            at = None
        if at is None:
            break
        if steps and at >= steps[0]:
            if at > trusted or steps[number : number + 1] != [at]:
                break
            number += 1
        end += len(line)
        kept = end if at >= 0 else kept
    rows = after(stack, number)
    heading = _heading(path, form, rows, lines[0] if kept else None)
    if lines and kept != sum(map(len, lines)):
        os.truncate(path, kept)
    return rows, "" if kept else heading


def _heading(path: Path, form: Format, rows: list[LoggedRow], present: bytes | None) -> str:
    """Return the heading of some rows; raise if they can't be in a log, or not under the heading ``present``."""
    if not rows:
        return ""
    if "step" in rows[0].numbers:
        raise ValueError("record must not name an entry 'step', which is a column of the log. Rename the entry.")
    heading = form.heading(rows[0])
    if heading and present is not None and present != heading.encode():
        raise ValueError(
            f"path must be a new file or a log of the same columns, got {path} with other columns. Choose another path "
            "or move the file."
        )
    return heading


def _foreign(path: Path) -> ValueError:
    return ValueError(
        f"path must be a new file or a log of this kind, got {path}, which is neither. Choose another path or move the "
        "file."
    )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
