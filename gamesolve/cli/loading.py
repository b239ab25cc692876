"""Load a game from the user's file, and report errors in the file in one line."""

import contextlib
import difflib
import functools
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from gamesolve.game import Game, Players


class CommandError(Exception):
    """Invalid input of the command: one line for the user, exit code 2."""


def load_game(target: str, start: str | None) -> tuple[str, Game, Players]:
    """Load a game and its starting players.

    Args:
        target: ``file:name`` of the game.
        start: ``file:name`` of the players. Default: the game's own start.

    Returns:
        The game's name, the game and the players.

    Raises:
        CommandError: if the game or the players cannot be loaded.
    """
    game = load(target, "a Game, or a function without arguments that returns one")
    if not isinstance(game, Game):
        raise CommandError(
            f"{target} must be a Game, got {type(game).__name__}. Make one with gamesolve.zero_sum or general_sum."
        )
    players = game.start
    if start:
        players = load(start, "the players, or a function without arguments that returns them")
    if players is None:
        raise CommandError(f"{target} has no start. Give one with --start my_game.py:players.")
    file, _, name = target.rpartition(":")
    return f"{Path(file).stem}:{name}", game, players


def find(target: str, wanted: str) -> Any:
    """Return the object of ``file:name``, functions uncalled.

    Args:
        target: the file and the name in it.
        wanted: description of the expected object, for the message.

    Raises:
        CommandError: if the object does not exist.
    """
    file, _, name = target.rpartition(":")
    if not file or not name:
        raise CommandError(f"the target must have the form my_game.py:name, got {target!r}.")
    try:
        path = Path(file).resolve()
    except FileNotFoundError:
        raise CommandError(f"there is no file {file}: the current folder was deleted. Change to another.") from None
    if not path.is_file():
        near = difflib.get_close_matches(path.name, [entry.name for entry in path.parent.glob("*.py")], n=1)
        raise CommandError(f"there is no file {file}.{f' Did you mean {near[0]}?' if near else ''}")
    module = _module(path)
    if not hasattr(module, name):
        near = difflib.get_close_matches(name, [entry for entry in vars(module) if not entry.startswith("_")], n=2)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Give {wanted}."
        raise CommandError(f"{file} has no {name!r}. {hint}")
    return getattr(module, name)


def load(target: str, wanted: str) -> Any:
    """Return the object of ``file:name``, called if it is a function without arguments.

    Args:
        target: the file and the name in it.
        wanted: description of the expected object, for the message.

    Raises:
        CommandError: if the object does not exist, or the function fails.
    """
    value = find(target, wanted)
    if isinstance(value, Game) or not callable(value):
        return value
    with contextlib.suppress(ValueError, TypeError):  # some callables have no signature
        parameters = inspect.signature(value).parameters.values()
        required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if required:
            raise CommandError(f"{target} takes {len(required)} arguments. Give {wanted}.")
    with blaming(target, f"{target} failed"):
        return value()


@functools.cache
def _module(path: Path) -> ModuleType:
    """Run a user's file, once: the game and its start are often in the same file."""
    spec = importlib.util.spec_from_file_location(f"_gamesolve_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise CommandError(f"{path.name} must be a Python file, with a name that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look up their module there
    sys.path.insert(0, str(path.parent))  # as for a script, which may import modules beside it
    try:
        with blaming(str(path), f"{path.name} cannot be imported"):
            spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextlib.contextmanager
def blaming(target: str | None, what: str) -> Iterator[None]:
    """Turn an error in the user's code into one line that gives its place."""
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
