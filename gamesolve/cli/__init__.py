"""Provide the command ``gamesolve``."""

from gamesolve.cli.command import main

__all__ = ["main"]
