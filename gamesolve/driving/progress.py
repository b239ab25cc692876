"""Terminal support of long runs: a progress bar, and Ctrl-C."""

import contextlib
import importlib.util
import signal
import sys
import threading
from collections.abc import Callable, Generator

from gamesolve.distributed import of_all_processes
from gamesolve.trees import Players


@contextlib.contextmanager
def interruption(players: Players) -> Generator[Callable[[], bool], None, None]:
    """Yield a function that says whether Ctrl-C was pressed in any process of the run; a second one raises."""
    pressed: list[bool] = []

    def anywhere() -> bool:
        return any(of_all_processes(bool(pressed), players))

    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield anywhere
        return

    def note(*_: object) -> None:
        pressed.append(True)
        signal.signal(signal.SIGINT, usual)

    signal.signal(signal.SIGINT, note)
    try:
        yield anywhere
    finally:
        signal.signal(signal.SIGINT, usual)


@contextlib.contextmanager
def bar(wanted: bool, total: int, done: int) -> Generator[Callable[[int], object], None, None]:
    """Yield a function that shows how many steps are done, on a terminal and with tqdm; else one that does nothing."""
    if not (wanted and sys.stderr.isatty() and importlib.util.find_spec("tqdm")):
        yield lambda steps: None
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit=" steps", file=sys.stderr) as shown:
        yield lambda steps: shown.update(steps - shown.n)
