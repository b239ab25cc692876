"""Run suites cell by cell into a folder, so that an interrupted run can be resumed."""

import contextlib
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pandas as pd

from benchmarks import suites
from benchmarks.races import race, store
from benchmarks.report import Row
from benchmarks.suites.suite import Race, Settings, Suite
from gamesolve.cli.results import manifest, write_json


class Cell(NamedTuple):
    """A game and a solver of a suite, or one of its tables."""

    suite: Suite
    game: str
    solver: str
    device: str


def plan(names: Sequence[str], settings: Settings) -> list[Cell]:
    """Return the cells of suites.

    Raises:
        StoreError: if there are none, or a device or name is unknown.
    """
    pairs = [(suite, *pair) for suite in map(suites.load, names) for pair in suite.names()]
    _check("game", settings.games, {game for _, game, _ in pairs})
    _check("solver", settings.solvers, {solver for *_, solver in pairs} - {"table"})
    found = sorted({device.platform for device in _devices()})
    if settings.device not in (*found, "all"):
        raise store.StoreError(f"there is no {settings.device} here, only {', '.join(found)}.")
    cells = [
        Cell(suite, game, solver, device)
        for device in (found if settings.device == "all" else [settings.device])
        for suite, game, solver in pairs
        if (settings.games is None or game in settings.games)
        and (settings.solvers is None or solver in (*settings.solvers, "table"))
    ]
    if not cells:
        raise store.StoreError("no cell of these suites has such a game and solver. python -m benchmarks list has all.")
    return cells


def _check(kind: str, wanted: Sequence[str] | None, known: set[str]) -> None:
    for name in wanted or ():
        if name not in known:
            raise store.StoreError(f"no {kind} of these suites is named {name}. Known: {', '.join(sorted(known))}.")


def _devices() -> list[Any]:
    devices = list(jax.devices())
    with contextlib.suppress(RuntimeError):
        devices += jax.devices("cpu")
    return devices


def compute(cell: Cell, settings: Settings) -> tuple[Row, pd.DataFrame | None]:
    """Compute a cell; returns its summary, and its points if it has any."""
    suite = cell.suite
    device = next(device for device in _devices() if device.platform == cell.device)
    with jax.enable_x64(suite.x64 or settings.x64), jax.default_device(device):
        if isinstance(suite, Race):
            game = next(entry for entry in suite.games if entry.name == cell.game)
            budget = settings.budget or game.budget or suite.budget
            return race.cell(suite, game, suite.solvers[cell.solver], budget, settings.seeds_on(cell.device))
        begin = time.perf_counter()
        rows = [_plain(row) for row in suite.tasks[cell.game](settings)]
        return {"rows": rows, "seconds": time.perf_counter() - begin}, None


def _plain(row: Row) -> Row:
    """Return a row that JSON can hold."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def run(
    folder: Path, names: Sequence[str], settings: Settings, command: str, resume: bool
) -> Iterator[tuple[Cell, bool]]:
    """Run suites; yields each cell before it is computed, and whether it was already finished.

    Raises:
        StoreError: if the folder cannot be used, or the settings contain an unknown name.
    """
    cells = plan(names, settings)
    with manifest(folder, store.checked(folder, store.describe(settings, names, command), resume)):
        for cell in cells:
            labels = {"suite": cell.suite.name, "game": cell.game, "solver": cell.solver, "device": cell.device}
            done = store.path(folder, "cells", labels).exists()
            yield cell, done
            if not done:
                store.save(folder, labels, *compute(cell, settings))


def merge(runs: Sequence[Path], out: Path) -> int:
    """Copy the cells of several runs into one folder; returns their number.

    Raises:
        StoreError: if the runs do not go together, or a folder cannot be used.
    """
    store.together(runs)
    manifests = [store.read_manifest(folder) for folder in runs]
    content = manifests[0] | {
        "suites": list(dict.fromkeys(name for each in manifests for name in each["suites"])),
        "precision": {name: word for each in manifests for name, word in each["precision"].items()},
        "settings": [each["settings"] for each in manifests],
        "merged": manifests,
        "status": "merged",
    }
    write_json(out / "manifest.json", store.checked(out, content, resume=False))
    for folder, kind in ((folder, kind) for folder in runs for kind in store.KINDS):
        if (folder / kind).exists():
            shutil.copytree(folder / kind, out / kind, dirs_exist_ok=True)
    return len(store.files(out, "cells"))
