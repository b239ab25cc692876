"""Run suites cell by cell into a folder, so that an interrupted run can be resumed."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import pandas as pd

from benchmarks import suites
from benchmarks.races import race, store
from benchmarks.report import Row
from benchmarks.suites.suite import Race, Settings, Suite


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
    loaded = [suites.load(name) for name in names]
    pairs = [(suite, game, solver) for suite in loaded for game, solver in suite.names()]
    _check("game", settings.games, {game for _, game, _ in pairs})
    _check("solver", settings.solvers, {solver for *_, solver in pairs} - {"table"})
    cells = [
        Cell(suite, game, solver, device)
        for device in _platforms(settings.device)
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


def _platforms(wanted: str) -> list[str]:
    found = sorted({device.platform for device in _devices()})
    if wanted not in (*found, "all"):
        raise store.StoreError(f"there is no {wanted} here, only {', '.join(found)}.")
    return found if wanted == "all" else [wanted]


def _devices() -> list[jax.Device]:
    devices = list(jax.devices())
    with contextlib.suppress(RuntimeError):
        devices += jax.devices("cpu")
    return devices


def compute(cell: Cell, settings: Settings) -> tuple[Row, pd.DataFrame | None]:
    """Compute a cell; returns its summary, and its points if it has any."""
    device = next(device for device in _devices() if device.platform == cell.device)
    with jax.enable_x64(cell.suite.x64 or settings.x64), jax.default_device(device):
        if isinstance(cell.suite, Race):
            game = next(entry for entry in cell.suite.games if entry.name == cell.game)
            budget = settings.budget or game.budget or cell.suite.budget
            return race.cell(cell.suite, game, cell.suite.solvers[cell.solver], budget, settings.seeds_on(cell.device))
        begin = time.perf_counter()
        rows = [_plain(row) for row in cell.suite.tasks[cell.game](settings)]
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
    store.begin(folder, store.manifest(settings, names, command), resume)
    try:
        for cell in cells:
            labels = {"suite": cell.suite.name, "game": cell.game, "solver": cell.solver, "device": cell.device}
            done = store.path(folder, "cells", labels).exists()
            yield cell, done
            if not done:
                store.save(folder, labels, *compute(cell, settings))
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | GeneratorExit)
        store.finish(folder, "interrupted" if stopped else f"failed: {error}")
        raise
    store.finish(folder, "finished")


def merge(runs: Sequence[Path], out: Path) -> int:
    """Copy the cells of several runs into one folder; returns their number.

    Raises:
        StoreError: if the runs do not go together, or a folder cannot be used.
    """
    store.together(runs)
    manifests = [store.read_manifest(folder) for folder in runs]
    content = manifests[0] | {
        "suites": list(dict.fromkeys(name for manifest in manifests for name in manifest["suites"])),
        "precision": {name: word for manifest in manifests for name, word in manifest["precision"].items()},
        "settings": [manifest["settings"] for manifest in manifests],
        "merged": manifests,
        "status": "merged",
    }
    store.begin(out, content, resume=False)
    for folder in runs:
        for file in (file for kind in store.KINDS for file in store.files(folder, kind)):
            target = out / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    return len(store.files(out, "cells"))
