"""Checkpoints: one atomically written file each; `gamesolve.orbax` keeps those of runs on many hosts."""

from gamesolve.checkpoint.files import Folder, found, load, read, save
from gamesolve.checkpoint.manifest import Checkpoint, RefusedError

__all__ = ["Checkpoint", "Folder", "RefusedError", "found", "load", "read", "save"]
