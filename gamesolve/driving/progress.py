"""The progress bar of a long run."""

import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Generator
from typing import TextIO


@contextlib.contextmanager
def bar(wanted: bool, total: int, done: int) -> Generator[Callable[[int], object], None, None]:
    """Yield a function that shows how many steps are done, or one that does nothing.

    A bar needs tqdm, and someone who watches: a terminal or a notebook. Logs and pipes get none.
    """
    if not (wanted and (is_terminal(sys.stderr) or in_notebook()) and importlib.util.find_spec("tqdm")):
        yield lambda steps: None
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets a notebook gets a bar of text, and tqdm warns of it
        from tqdm.auto import tqdm

    with tqdm(total=total, initial=done, unit=" steps", file=sys.stderr) as shown:
        yield lambda steps: shown.update(steps - shown.n)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a stream is a terminal; programs without a console have None, and a closed stream raises."""
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):
        return False


def in_notebook() -> bool:
    """Return whether the program runs in a Jupyter kernel, whose streams are not terminals."""
    return "ipykernel.zmqshell" in sys.modules
