"""Checkpoints: one atomically written file each; `gamesolve.orbax` keeps those of runs on many hosts."""

from gamesolve.checkpoint.choosing import Checkpoint, RefusedError
from gamesolve.checkpoint.files import Folder, found, load, read, save

__all__ = ["Checkpoint", "Folder", "RefusedError", "found", "load", "read", "save"]
