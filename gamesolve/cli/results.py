"""Write the folder of a run of the command: ``results.csv``, a figure per game, and ``manifest.json``."""

import contextlib
import csv
import dataclasses
import datetime
import json
import os
import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from gamesolve.cli.loading import CommandError
from gamesolve.compare import Problem, Row, Run, Settings, picture
from gamesolve.compare.provenance import provenance
from gamesolve.compare.runs import COLUMNS

MANIFEST, TABLE = "manifest.json", "results.csv"
# First characters by which spreadsheets recognise a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def make_folder(given: Path | None, games: Sequence[str]) -> Path:
    """Make the folder of a run, with an empty table.

    Args:
        given: the folder. Default: a new one in ``runs`` that is named by the time.
        games: names of the games, whose figures will be written there.

    Raises:
        CommandError: if the folder has files that the run would overwrite.
        OSError: if the folder cannot be made or written to.
    """
    folder = given or _unused_folder()
    folder.mkdir(parents=True, exist_ok=True)
    names = (MANIFEST, TABLE, *map(_figure_name, games))
    if taken := [name for name in names if os.path.lexists(folder / name)]:
        raise CommandError(f"--out must be a folder without a run, got {folder} with {taken[0]}. Use another folder.")
    (folder / TABLE).touch(exist_ok=False)
    return folder


def _unused_folder() -> Path:
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder, count = Path("runs") / f"{stamp}-compare", 1
    while True:
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            count += 1
            folder = Path("runs") / f"{stamp}-compare-{count}"
        else:
            return folder


def _figure_name(game: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', game)[:200]}.png"


def describe(arguments: list[str], settings: Settings, games: list[str], solvers: list[str]) -> dict[str, Any]:
    """Return everything that is needed to repeat a run of the command."""
    device = jax.devices()[0]
    return {
        **provenance(shlex.join(["gamesolve", *arguments]), ("jax", "jaxlib", "optax", "numpy", "matplotlib")),
        "working_directory": _working_folder(),
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "precision": "float64" if jax.config.read("jax_enable_x64") else "float32",
        "seed": settings.seed,
        "settings": dataclasses.asdict(settings),
        "games": games,
        "solvers": solvers,
        "columns": COLUMNS,
    }


def _working_folder() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was deleted
        return None


@contextlib.contextmanager
def manifest(folder: Path, content: Mapping[str, Any]) -> Iterator[None]:
    """Write ``manifest.json`` before a run, and again with the way that it ended after the run.

    A run that is killed cannot write how it ended, so the first status is ``unfinished``.
    """

    def write(status: str) -> None:
        write_json(folder / MANIFEST, {**content, "status": status})

    write("unfinished")
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | GeneratorExit | BrokenPipeError)
        with contextlib.suppress(OSError):  # of a full disk, for example; the first error says more
            write("interrupted" if stopped else f"failed: {error}")
        raise
    write("finished")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    write_whole(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="replace"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, even if the process is killed or the machine stops."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with _named(path), part.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the path to errors that do not name a file, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


@contextlib.contextmanager
def open_table(folder: Path) -> Iterator[Callable[[Row], None]]:
    """Open the CSV file, and yield a function that writes a row immediately."""
    path = folder / TABLE
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        table = csv.DictWriter(file, list(COLUMNS))
        table.writeheader()

        def write(row: Row) -> None:
            with _named(path):
                table.writerow({name: _inert(entry) for name, entry in dataclasses.asdict(row).items()})
                file.flush()

        yield write


def _inert(entry: Any) -> Any:
    """Return an entry that a spreadsheet does not take for a formula: texts that look like one get an apostrophe."""
    return f"'{entry}" if isinstance(entry, str) and entry.startswith(FORMULA) else entry


def draw(problem: Problem, runs: Sequence[Run], folder: Path) -> None:
    """Draw the figure of one game, unless no solver can run on it."""
    if all(run.row.status == "n/a" for run in runs):
        return
    from gamesolve import plots  # a local import: matplotlib takes half a second

    figure = plots.comparison(picture(problem, runs))
    path = folder / _figure_name(problem.name)
    with _named(path):
        figure.savefig(path)
