"""The lock of a folder, so that two runs do not write to it at once.

The kernel holds the lock and gives it up when its process ends in any way, so the file that a kill leaves locks nobody
out. The text in the file only says who holds it.
"""

import contextlib
import os
import platform
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

import jax

from gamesolve.checkpoint.disk import try_lock

NAME = ".lock"


@contextlib.contextmanager
def locked(folder: str | Path) -> Generator[None, None, None]:
    """Hold the lock of a folder; the first of several processes of one run holds it for all.

    A folder that can't be locked, since it is read-only or its file system has no locks, is used without one.

    Raises:
        ValueError: if another run holds the lock.
    """
    path = Path(folder) / NAME
    file = None if jax.process_index() else _taken(path)
    if file is None:
        yield
        return
    with file:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if _is_current(file, path):  # not the lock of another run, after someone removed the folder
                    path.unlink()


def _taken(path: Path) -> BinaryIO | None:
    """Return the locked file, or None if there are no locks here."""
    while True:
        try:
            file = path.open("a+b")
        except OSError:
            return None
        lock = try_lock(file)
        if lock and _is_current(file, path):
            break
        holder = None if lock else _text(file)
        file.close()
        if lock is None:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        if not lock:
            raise ValueError(
                f"checkpoint must be a folder of one run at a time, got {str(path.parent)!r}, which "
                f"{holder or 'another process'} is using. Wait for its end, or use another folder."
            )
    with contextlib.suppress(OSError):  # a full disk
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}".encode())
        file.flush()
    return file


def _is_current(file: BinaryIO, path: Path) -> bool:
    """Return whether a file that was just locked still has its name; its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _text(file: BinaryIO) -> str:
    file.seek(0)
    text = file.read(200).decode(errors="replace")
    return text if text.isprintable() else ""
