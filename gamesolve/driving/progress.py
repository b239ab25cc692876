"""The progress bar of a long run."""

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Generator
from typing import TextIO


@contextlib.contextmanager
def bar(wanted: bool, total: int, done: int) -> Generator[Callable[[int], object], None, None]:
    """Yield a function that shows how many steps are done, on a terminal and with tqdm; else one that does nothing."""
    if not (wanted and is_terminal(sys.stderr) and importlib.util.find_spec("tqdm")):
        yield lambda steps: None
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit=" steps", file=sys.stderr) as shown:
        yield lambda steps: shown.update(steps - shown.n)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; programs without a console have None, and a closed stream raises."""
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):
        return False
