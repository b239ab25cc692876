"""Files on disks of all kinds: written whole or not at all, and read only as far as they promise to go.

Whatever a file system does not support (syncing a folder, locks, deleting a file that is open elsewhere) is left out:
a file that is whole is never reported as not written.
"""

import contextlib
import os
import secrets
import stat
import warnings
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def write(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file under another name, sync it to the disk and rename it; a kill leaves the earlier file or this one.

    Raises:
        OSError: if it can't be written; an earlier file of this name is untouched.
    """
    temporary, file = _temporary(path)
    try:
        with file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            written = os.fstat(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames closed files only; elsewhere the lock lasts until the new name is there
            try:
                temporary.replace(path)
            except OSError:
                if not _is(path, written):  # some network file systems report an error after the rename
                    raise
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def regular(path: Path) -> Generator[tuple[BinaryIO, int] | None, None, None]:
    """Open a file and yield it with its size, or None if it is a folder, a device, a pipe or a socket."""
    if not stat.S_ISREG(path.stat().st_mode):  # before opening it, which could wait for ever
        yield None
        return
    with path.open("rb") as file:
        yield file, os.fstat(file.fileno()).st_size


def try_lock(file: BinaryIO) -> bool | None:
    """Lock an open file until it is closed: True, False if someone else holds it, None if the system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def discard(paths: Iterable[Path]) -> None:
    """Delete superseded files; if an earlier call could not delete one of them either, warn with the cause."""
    failures: list[OSError] = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failures.append(error)
    # One that is left may be in use for a moment. When it becomes two, they stay: warned once, not at every checkpoint.
    if len(failures) == 2:
        folder, reason = Path(failures[0].filename or ".").parent, failures[0].strerror
        warnings.warn(f"superseded checkpoints in {folder} could not be deleted ({reason}).", stacklevel=3)


def discard_leftovers(folder: Path) -> None:
    """Delete the temporary files that killed writers left; a living writer holds the lock of its own."""
    for path in folder.glob(".checkpoint-*.tmp"):
        with contextlib.suppress(OSError), path.open("r+b") as file:
            if try_lock(file):
                path.unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[Path, BinaryIO]:
    """Create a temporary file of a name that no other process or thread uses, and lock it."""
    while True:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
        file = temporary.open("xb")
        lock = try_lock(file)
        if lock is None or (lock and os.fstat(file.fileno()).st_nlink):
            return temporary, file
        file.close()  # someone took it for a leftover before it was locked, and deletes it


def _is(path: Path, written: os.stat_result) -> bool:
    try:
        return os.path.samestat(path.stat(), written)
    except OSError:
        return False


def _sync_folder(folder: Path) -> None:
    """Sync the name of a new file to the disk, where the system can; Windows and some network file systems can't."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
