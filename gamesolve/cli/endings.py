"""End a command: mistakes, signals, closed streams and failed writes give one line and an exit code, no traceback."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

# Signals that ask a process to end: from schedulers, and from terminals that close. Ctrl-C has its own exception.
ENDING = ("SIGTERM", "SIGHUP")
# Seconds after which a signal is raised again.
AGAIN = 0.5


def ended(name: str, command: Callable[[], int], mistakes: type[Exception], interrupted: str) -> int:
    """Run a command to its end.

    Args:
        name: name of the command, before each message.
        command: function that does the work and returns the exit code.
        mistakes: exception for invalid input; its text is the message.
        interrupted: message after Ctrl-C, or after a signal that `heed_signals` heeds.

    Returns:
        Exit code: that of the command; 2 if the input is invalid or a file cannot be written; 128 plus its number after
        a signal, which is 130 after Ctrl-C; 0 if the reader of the output, such as head, has stopped.
    """
    with _usable_streams():
        try:
            try:
                return command()
            finally:
                sys.stdout.flush()
        except mistakes as error:
            return _told(f"{name}: {error}", 2)
        except KeyboardInterrupt as stop:
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            number = stop.args[0] if stop.args else signal.SIGINT
            return _told(f"{name}: {interrupted}", 128 + number)
        except BrokenPipeError:
            return 0
        except OSError as error:
            place = "a stream" if error.filename is None else error.filename
            return _told(f"{name}: cannot read or write {place}: {error.strerror or error}.", 2)
        finally:
            _drop_unwritten()


def heed_signals() -> None:
    """Raise KeyboardInterrupt, with the number of the signal, when something asks this process to end.

    Python drops exceptions that arise inside finalisers and callbacks of the garbage collector, so the exception is
    raised again, twice a second, until `ended` receives it.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        del frame
        if hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is signal.SIG_DFL:
            signal.signal(signal.SIGALRM, lambda _, frame: again(number))
            signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
        raise KeyboardInterrupt(number)

    def again(number: int) -> None:
        if not isinstance(sys.exception(), KeyboardInterrupt):  # else it is on its way, through code that cleans up
            raise KeyboardInterrupt(number)

    report = sys.unraisablehook

    def dropped(lost: Any) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):  # that one is raised again
            report(lost)

    sys.unraisablehook = dropped
    for name in ENDING:
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores it
            signal.signal(number, stop)


@contextlib.contextmanager
def _usable_streams() -> Iterator[None]:
    """Replace closed streams, and those that Python lacks because their descriptors are closed, by the null device."""
    streams = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}
    missing = [name for name, stream in streams.items() if stream is None or getattr(stream, "closed", False)]
    with contextlib.ExitStack() as stack:
        for name in missing:  # in this order: files that are opened later must not get the numbers of streams
            setattr(sys, name, stack.enter_context(Path(os.devnull).open("r" if name == "stdin" else "w")))
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # some terminals cannot show Greek letters
        try:
            yield
        finally:
            for name in missing:
                setattr(sys, name, streams[name])


def _told(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # the exit code remains
        print(message, file=sys.stderr, flush=True)
    return code


def _drop_unwritten() -> None:
    """Lead a stream that cannot be written to the null device, or Python would try again at its exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
