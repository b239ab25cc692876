"""The callbacks of a long run: called in turn after each chunk, and asked whether to stop."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from gamesolve.checks.calls import called
from gamesolve.distributed import of_all_processes
from gamesolve.driving.chunks import Chunk

# What it returns is checked at each call: None, or a bool of Python, numpy or jax.
Callback: TypeAlias = Callable[[Chunk], object]


def check_callbacks(callbacks: Sequence[Callback]) -> None:
    """Raise unless ``callbacks`` is a sequence of functions."""
    if callable(callbacks) or not all(map(callable, callbacks)):
        kind = type(callbacks).__name__
        raise TypeError(f"callbacks must be a list of functions, got {kind}. Write callbacks=[...].")


def told(callbacks: Sequence[Callback], chunk: Chunk) -> bool:
    """Tell all callbacks of a chunk, and return whether one of them, in any process, stops the run."""
    stops = [_stops(callback, chunk) for callback in callbacks]
    return bool(max(of_all_processes(int(any(stops)), chunk.players)))


def _stops(callback: Callback, chunk: Chunk) -> bool:
    try:
        answer: Any = called("a callback", callback, chunk, takes="one Chunk", hint="Write lambda chunk: ...")
    except StopIteration:
        return True
    if answer is None:
        return False
    if np.shape(answer) == () and np.asarray(answer).dtype == bool:
        return bool(answer)
    raise TypeError(
        f"a callback must return True to stop the run, or False or None, got {answer!r}. Return nothing if it does not "
        "stop the run."
    )
