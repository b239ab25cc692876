"""A game of the user's own: load it from a file, and blame the file for what goes wrong in it."""

import contextlib
import difflib
import functools
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gamesolve.game import Game, Players


class CommandError(Exception):
    """A mistake in what the command was given: one line for the user, exit code 2."""


def load_game(target: str, start: str | None) -> tuple[str, Game, Players]:
    """Load a game and where it starts.

    Args:
        target: ``file:name`` of the game.
        start: that of the players, if not the game's own start.

    Returns:
        The name to call it, the game and the players.

    Raises:
        CommandError: if there is no such game or start.
    """
    game = load(target, "a Game, or a function without arguments that returns one")
    if not isinstance(game, Game):
        raise CommandError(
            f"{target} is a {type(game).__name__}, no Game; make one with gamesolve.zero_sum or general_sum."
        )
    players = game.start
    if start:
        players = load(start, "the players, or a function without arguments that returns them")
    if players is None:
        raise CommandError(f"{target} has no start; give one with --start my_game.py:players.")
    file, _, name = target.rpartition(":")
    return f"{Path(file).stem}:{name}", game, players


def load(target: str, wanted: str) -> Any:
    """Return the object of ``file:name``, called if it is a function without arguments.

    Args:
        target: the file and the name in it.
        wanted: what it should be, for the message.

    Raises:
        CommandError: if there is none, or it fails.
    """
    value = _find(target, wanted)
    if isinstance(value, Game) or not callable(value):
        return value
    with contextlib.suppress(ValueError, TypeError):  # some callables have no signature
        parameters = inspect.signature(value).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if required:
            raise CommandError(f"{target} takes {len(required)} arguments; give {wanted}.")
    with blaming(target, f"{target} failed"):
        return value()


def _find(target: str, wanted: str) -> Any:
    file, _, name = target.rpartition(":")
    if not file or not name:
        raise CommandError(f"{target!r} is not of the form my_game.py:name.")
    path = Path(file).resolve()
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.glob("*.py")], n=1)
        raise CommandError(f"there is no file {file}{f'; did you mean {near[0]}?' if near else '.'}")
    module = _module(path)
    if not hasattr(module, name):
        near = difflib.get_close_matches(name, [entry for entry in vars(module) if not entry.startswith("_")], n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"give {wanted}."
        raise CommandError(f"{file} has no {name!r}; {hint}")
    return getattr(module, name)


@functools.cache
def _module(path: Path) -> Any:
    """Run a user's file, once: the game and its start often stand in one."""
    spec = importlib.util.spec_from_file_location(f"_gamesolve_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path.name} is not a Python file; its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickling look themselves up there
    sys.path.insert(0, str(path.parent))  # as for a script: it may import its neighbours
    try:
        with blaming(str(path), f"{path.name} can't be imported"):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextlib.contextmanager
def blaming(target: str | None, what: str) -> Iterator[None]:
    """Turn any failure inside the user's own code into one line that says what and where."""
    try:
        yield
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        if target is None:
            raise
        path = Path(target.rpartition(":")[0] or target).resolve()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
        if isinstance(error, SyntaxError):
            lines = [error.lineno]
        place = f" (line {lines[-1]})" if lines else ""
        sentence = next(iter(str(error).strip().splitlines()), "") or "no message"
        raise CommandError(f"{what}{place}: {type(error).__name__}: {sentence}") from None
