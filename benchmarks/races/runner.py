"""Run suites cell by cell into a folder, so that a run that was interrupted goes on where it was."""

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks import suites
from benchmarks.races import race, store
from benchmarks.suites.suite import Race, Settings, Suite


class Cell(NamedTuple):
    """A game and a solver of a suite, or one table of it."""

    suite: Suite
    game: str
    solver: str
    device: str


def plan(names: Sequence[str], settings: Settings) -> list[Cell]:
    """Return the cells of suites.

    Raises:
        StoreError: if nothing is left, or there is no such device or name.
    """
    loaded = [suites.load(name) for name in names]
    _check("game", settings.games, {game for suite in loaded for game, _ in suite.names()})
    _check("solver", settings.solvers, {solver for suite in loaded for _, solver in suite.names()} - {"table"})
    cells = [
        Cell(suite, game, solver, device)
        for device in _platforms(settings.device)
        for suite in loaded
        for game, solver in suite.names()
        if (settings.games is None or game in settings.games)
        and (settings.solvers is None or solver in (*settings.solvers, "table"))
    ]
    if not cells:
        raise store.StoreError("no cell of these suites has such a game and solver; python -m benchmarks list has all.")
    return cells


def _check(kind: str, wanted: Sequence[str] | None, known: set[str]) -> None:
    for name in wanted or ():
        if name not in known:
            raise store.StoreError(f"no {kind} of these suites is named {name}; there are {', '.join(sorted(known))}.")


def _platforms(wanted: str) -> list[str]:
    found = sorted({device.platform for device in _devices()})
    if wanted == "all":
        return found
    if wanted not in found:
        raise store.StoreError(f"there is no {wanted} here, only {', '.join(found)}.")
    return [wanted]


def _devices() -> list[Any]:
    devices = list(jax.devices())
    with contextlib.suppress(RuntimeError):
        devices += jax.devices("cpu")
    return devices


def compute(cell: Cell, settings: Settings) -> tuple[dict[str, Any], Any]:
    """Compute a cell; returns its summary and its points, if it has any."""
    device = next(device for device in _devices() if device.platform == cell.device)
    with jax.enable_x64(cell.suite.x64 or settings.x64), jax.default_device(device):
        if isinstance(cell.suite, Race):
            game = next(entry for entry in cell.suite.games if entry.name == cell.game)
            budget = settings.budget or game.budget or cell.suite.budget
            return race.cell(cell.suite, game, cell.suite.solvers[cell.solver], budget, settings.seeds_on(cell.device))
        begin = time.perf_counter()
        rows = [_plain(row) for row in cell.suite.tasks[cell.game](settings)]
        return {"rows": rows, "seconds": time.perf_counter() - begin}, None


def run(
    folder: Path, names: Sequence[str], settings: Settings, command: str, resume: bool
) -> Iterator[tuple[Cell, bool]]:
    """Run suites; yields each cell before it is computed, and whether it was there already.

    Raises:
        StoreError: if the folder can't be used, or the settings name what is not there.
    """
    cells = plan(names, settings)
    store.begin(folder, store.manifest(settings, names, command), resume)
    try:
        for cell in cells:
            path = store.cell_path(folder, cell.suite.name, cell.game, cell.solver, cell.device)
            done = path.exists()
            yield cell, done
            if not done:
                summary, points = compute(cell, settings)
                labels = {"suite": cell.suite.name, "game": cell.game, "solver": cell.solver, "device": cell.device}
                store.save(path, labels, summary, points)
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | GeneratorExit)
        store.finish(folder, "interrupted" if stopped else f"failed: {error}")
        raise
    store.finish(folder, "finished")


def merge(runs: Sequence[Path], out: Path) -> int:
    """Copy the cells of several runs into one folder; returns how many.

    Raises:
        StoreError: if the runs do not go together, or a folder can't be used.
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
    count = 0
    for folder in runs:
        for path in (*store.summaries(folder), *store.tables(folder)):
            target = out / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            count += target.suffix == ".json"
    return count


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row that JSON can hold."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()}


def settings_of(options: Any) -> Settings:
    """Return the settings among the options of the command."""
    listed = {name: value and tuple(value) for name, value in (("solvers", options.solvers), ("games", options.games))}
    return Settings(options.budget, options.seeds, options.x64, device=options.device, **listed)
