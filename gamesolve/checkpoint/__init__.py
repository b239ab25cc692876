"""Checkpoints: one file each, whole or not there at all; `gamesolve.orbax` has those of runs over many hosts."""

from gamesolve.checkpoint.files import Folder, found, load, read, save
from gamesolve.checkpoint.manifest import Checkpoint, RefusedError

__all__ = ["Checkpoint", "Folder", "RefusedError", "found", "load", "read", "save"]
