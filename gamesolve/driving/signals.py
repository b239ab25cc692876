"""Ctrl-C and SIGTERM during a long run: the first ends it after the current chunk, the second takes effect at once."""

import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from typing import Any

from gamesolve.distributed import of_all_processes
from gamesolve.driving.plan import Solution
from gamesolve.trees import Players


class Terminated(SystemExit):
    """SIGTERM ended a run: the process exits with code 143 unless this is caught.

    Attributes:
        solution: the result so far.
    """

    def __init__(self, solution: Solution) -> None:
        """Keep the result of the run."""
        super().__init__(128 + signal.SIGTERM)
        self.solution = solution


@contextlib.contextmanager
def interruption(players: Players) -> Generator[Callable[[], int], None, None]:
    """Yield a function that returns the signal that any process of the run has received, or 0.

    SIGINT is listened to unless it is ignored, as in a background job; SIGTERM unless the program has a handler of its
    own for it. Handlers belong to the main thread, so a run in another thread hears nothing.
    """
    received: list[int] = []

    def anywhere() -> int:
        return max(of_all_processes(max(received, default=0), players))

    usual: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [signal.SIGINT] if callable(usual[signal.SIGINT]) else []
    heard += [signal.SIGTERM] if usual[signal.SIGTERM] is signal.SIG_DFL else []
    if threading.current_thread() is not threading.main_thread():
        heard = []

    def note(number: int, _: object) -> None:
        received.append(number)
        signal.signal(number, usual[number])

    for number in heard:
        signal.signal(number, note)
    try:
        yield anywhere
    finally:
        for number in heard:
            signal.signal(number, usual[number])


def hearing_signals(wait: Callable[[], object]) -> None:
    """Wait in another thread: JAX's own wait would hold signals back until its end. What it raises is dropped."""
    over = threading.Event()

    def work() -> None:
        with contextlib.suppress(Exception):
            wait()
        over.set()

    threading.Thread(target=work, daemon=True).start()
    over.wait()
