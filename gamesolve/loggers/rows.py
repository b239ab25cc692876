"""The rows of a run as loggers write them, and what is done when they can't be written."""

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import jax
import numpy as np

from gamesolve.driving.chunks import joined
from gamesolve.driving.run import Chunk
from gamesolve.trees import Row, Scalar, columns

Logger: TypeAlias = Callable[[Chunk], None]


class LoggedRow(NamedTuple):
    """A row: its step, and its numbers by column."""

    step: int
    numbers: dict[str, Scalar]


@dataclasses.dataclass
class Progress:
    """How far a log holds the rows of the run under way.

    Attributes:
        size: size of the file after the last write; None before the first one and after one that failed.
        seen: the last step that the logger has seen.
        trusted: the last step of this run, or of the checkpoint that it continues, that the log may hold already. A
            later row in it is of another run.
        wrote: whether the logger has written anything.
    """

    size: int | None = None
    seen: int = -1
    trusted: int = -1
    wrote: bool = False

    def follow(self, chunk: Chunk) -> bool:
        """Take note of a chunk, and return whether it begins another run than the last one did."""
        steps, earlier = chunk.row_steps, [int(steps[-1]) for _, steps in chunk.earlier if len(steps)]
        begins = self.seen < 0 or bool(len(steps) and steps[0] <= self.seen)
        if begins:
            self.trusted = max(earlier, default=-1)
        self.seen = int(steps[-1]) if len(steps) else self.seen
        return begins


def careful(path: Path, write: Callable[[Chunk], None]) -> Logger:
    """Make a callback of a function that writes the rows of a chunk and all that its log lacks.

    If the log can't be written, for example on a full disk, it warns once and lets the run continue.
    """
    failing = False

    def log(chunk: Chunk) -> None:
        nonlocal failing
        if jax.process_index() or not (len(chunk.row_steps) or failing):
            return
        try:
            write(chunk)
        except OSError as error:
            if not failing:
                warnings.warn(
                    f"the log {path} was not written ({error.strerror or error}). The run continues, and the log gets "
                    "these rows as soon as it can be written.",
                    stacklevel=4,
                )
            failing = True
        else:
            failing = False

    return log


def rows_of(rows: Row, steps: np.ndarray) -> list[LoggedRow]:
    """Return the rows of one stack."""
    if not len(steps):
        return []
    named = columns(rows)
    lists = zip(steps.tolist(), *(column.tolist() for column in named.values()), strict=True)
    return [LoggedRow(step, dict(zip(named, values, strict=True))) for step, *values in lists]


def all_of(chunk: Chunk) -> tuple[Row, np.ndarray]:
    """Return the rows of a chunk and all before it, as one stack."""
    return joined([*chunk.earlier, (chunk.rows, chunk.row_steps)])


def after(stack: tuple[Row, np.ndarray], number: int) -> list[LoggedRow]:
    """Return the rows of a stack without the first ``number``."""
    rows, steps = stack
    return rows_of(jax.tree.map(lambda leaf: leaf[number:], rows), steps[number:])
