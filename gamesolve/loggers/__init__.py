"""Callbacks of `gamesolve.run` that write the recorded rows, each with its step.

A resumed run continues its log: rows beyond the step at which it resumes are written again, and so are rows that the
checkpoint holds and the log lacks. A log that can't be written does not end the run; it gets its rows as soon as it
can be written. If there are several processes, only the first one writes.
"""

import csv as csv_format
import importlib.util
import io
import json
import math
from collections.abc import Iterable
from pathlib import Path

from gamesolve.checks.extras import needs
from gamesolve.loggers import events, lines
from gamesolve.loggers.rows import LoggedRow, Logger
from gamesolve.trees import Scalar


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

    heading = lambda row: _csv_line(["step", *map(_printable, row.numbers)])
    line = lambda row: _csv_line([row.step, *row.numbers.values()])
    return lines.logger(Path(path), lines.Format(b"step", step_of, heading, line))


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
        step = json.loads(line)["step"]
        if type(step) is not int:
            raise ValueError
        return step

    def line(row: LoggedRow) -> str:
        numbers = {name: _plain(value) for name, value in row.numbers.items()}
        return json.dumps({"step": row.step} | numbers) + "\n"

    return lines.logger(Path(path), lines.Format(b'{"step": ', step_of, lambda row: "", line))


def tensorboard(folder: str | Path) -> Logger:
    """Make a callback that writes TensorBoard event files; it needs tensorboardX, the extra ``tensorboard``.

    Args:
        folder: the log directory of TensorBoard.

    Returns:
        The callback; its tags are the columns of `csv`.

    Raises:
        ImportError: if tensorboardX is not installed.

    Example:
        >>> import pathlib, tempfile, gamesolve as gs
        >>> from gamesolve import loggers
        >>> game, record = gs.zero_sum(lambda x, y: x * y), lambda players, state: players[0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = loggers.tensorboard(folder)
        ...     _ = gs.run(game, gs.simgd(0.5), (1.0, 1.0), 2, record=record, callbacks=[log])
        ...     files = list(pathlib.Path(folder).glob("events.*"))
        >>> len(files)
        1
    """
    if importlib.util.find_spec("tensorboardX") is None:
        raise needs("loggers.tensorboard", "tensorboardX", "tensorboard")
    return events.logger(Path(folder))


def _csv_line(fields: Iterable[Scalar]) -> str:
    text = io.StringIO()
    csv_format.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _printable(name: str) -> str:
    """Return a name without line breaks and the like, which would break a line of a log in two."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in name)


def _plain(value: float | bool) -> float | bool | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
