"""Logs that are files of lines: a run continues its log, and replaces what the log lacks or has too much."""

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
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.is_file() else 0
        if held.size == size and not begins:
            rows, heading = rows_of(chunk.rows, chunk.row_steps), ""
        else:
            if held.size is not None and not begins:
                warnings.warn(
                    f"another program has changed the log {path}. The rows of this run are written to it again.",
                    stacklevel=5,
                )
            held.size = None
            rows, heading = _missing(path, form, chunk, held.trusted)
        if rows:
            with path.open("ab") as file:
                file.write("".join([heading, *map(form.line, rows)]).encode())
            held.trusted = rows[-1].step
        held.size = path.stat().st_size if path.is_file() else 0

    return careful(path, write)


def _missing(path: Path, form: Format, chunk: Chunk, trusted: int) -> tuple[list[LoggedRow], str]:
    """Cut a log after the last row that the run agrees with; return the rows that it lacks, and the heading above them.

    It is cut in place, so that a full disk or a kill loses no row before.

    Args:
        path: the log; it may not exist.
        form: its format.
        chunk: the rows of the run.
        trusted: the last step whose row may be in the log already; rows before those of the run stay too.
    """
    stack = all_of(chunk)
    steps = stack[1].tolist()
    # A pipe or a terminal can't be read back.
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    end = kept = number = 0
    try:
        if lines and not lines[0].startswith(form.opening[: len(lines[0])]):
            raise ValueError
        for line in lines:
            if not line.endswith(b"\n"):
                break
            at = form.step_of(line)
            if steps and at >= steps[0]:
                if at > trusted or at != steps[number]:
                    break
                number += 1
            end += len(line)
            kept = end if at >= 0 else kept
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError(
            f"path must be a new file or a log of this kind, got {path}, which is neither. Choose another path or move "
            "the file."
        ) from None
    rows = after(stack, number)
    if rows and "step" in rows[0].numbers:
        raise ValueError("record must not name an entry 'step', which is a column of the log. Rename the entry.")
    heading = form.heading(rows[0]) if rows else ""
    if kept and heading and lines[0] != heading.encode():
        raise ValueError(
            f"path must be a new file or a log of the same columns, got {path} with other columns. Choose another path "
            "or move the file."
        )
    if lines and kept != sum(map(len, lines)):
        os.truncate(path, kept)
    return rows, "" if kept else heading
