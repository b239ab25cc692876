"""What a person at a terminal has of a long run: a bar, and Ctrl-C."""

import contextlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from gamesolve.distributed import of_all_processes


@contextlib.contextmanager
def interruption(players: Any) -> Iterator[Callable[[], bool]]:
    """Note the first Ctrl-C, in any process that takes part, instead of raising; the second one raises."""
    pressed = []
    anywhere = lambda: any(of_all_processes(bool(pressed), players))
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield anywhere
        return

    def note(*_: Any) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield anywhere
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
