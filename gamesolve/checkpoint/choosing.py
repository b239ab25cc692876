"""The newest checkpoint that is usable."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from gamesolve.trees import PyTree
from gamesolve.trees.faces import shown


@shown()
class Checkpoint(NamedTuple):
    """A checkpoint that was read.

    Attributes:
        step: the step after which it was written.
        tree: the arrays, in the structure of the template.
        about: the writer's notes on the run.
    """

    step: int
    tree: PyTree
    about: dict[str, Any]


class RefusedError(ValueError):
    """An unusable checkpoint; the message says why, and its subject is the checkpoint."""


def newest(candidates: Iterable[tuple[str, Callable[[], Checkpoint]]], folder: str | Path) -> Checkpoint | None:
    """Return the first usable checkpoint; warn about each one before it.

    Args:
        candidates: the name of each checkpoint, newest first, and a function that reads it or raises `RefusedError` or
            `OSError`.
        folder: where they are, for the error.

    Raises:
        ValueError: if there are some, but none is usable.
    """
    reasons: list[str] = []
    for name, read in candidates:
        try:
            checkpoint = read()
        except RefusedError as error:
            reasons.append(f"{name} {error}")
            continue
        except OSError as error:
            reasons.append(f"{name} could not be read ({error})")
            continue
        except MemoryError:
            reasons.append(f"{name} is too large for the memory of this machine")
            continue
        for reason in reasons:
            warnings.warn(f"{reason}. {name} is used instead.", stacklevel=3)
        return checkpoint
    if reasons:
        others = "; older ones are unusable too" if reasons[1:] else ""
        raise ValueError(
            f"No usable checkpoint in {folder}: {reasons[0]}{others}. Pass the arguments of the run in that folder, or "
            "use another folder."
        )
    return None
