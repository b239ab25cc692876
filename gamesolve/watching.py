"""What a person at a terminal has of a long run: a bar, and Ctrl-C."""

import contextlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from gamesolve.distributed import anywhere


@contextlib.contextmanager
def interruption() -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C, in any process, instead of raising; the second one raises."""
    pressed = []
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield lambda: anywhere(False)
        return

    def note(*_: Any) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: anywhere(bool(pressed))
    finally:
        signal.signal(signal.SIGINT, usual)


@contextlib.contextmanager
def bar(wanted: bool, total: int, done: int) -> Iterator[Callable[[int], Any]]:
    """Show how many steps are done, on a terminal and with tqdm; else show nothing."""
    if not (wanted and sys.stderr.isatty() and importlib.util.find_spec("tqdm")):
        yield lambda steps: None
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit=" steps", file=sys.stderr) as shown:
        yield lambda steps: shown.update(steps - shown.n)
