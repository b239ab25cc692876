"""The folder of a run: a manifest, and for each cell a summary and its curve points, written when the cell is done."""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import pandas as pd

import gamesolve
from benchmarks.races import schema
from benchmarks.suites import load
from benchmarks.suites.suite import Settings

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scipy", "pandas", "pyarrow")


class StoreError(Exception):
    """A folder that can't be used; one sentence says why."""


def manifest(settings: Settings, suites: Sequence[str], command: str) -> dict[str, Any]:
    """Return all that is needed to run it again and to judge its figures."""
    return {
        "schema": schema.VERSION,
        "status": "running",
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": command,
        "suites": list(suites),
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "precision": {name: "float64" if settings.x64 or load(name).x64 else "float32" for name in suites},
        "commit": _commit(),
        "versions": {"python": platform.python_version(), "gamesolve": gamesolve.__version__}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "devices": [f"{device.platform}: {device.device_kind}" for device in jax.devices()],
        # The load says whether others used the machine.
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "points": schema.POINTS,
        "cell": schema.CELL,
        "timing": list(schema.TIMING),
    }


def _commit() -> str:
    """Return the commit of the source, marked where files differ from it."""
    folder = Path(__file__).parent

    def ask(*words: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout

    try:
        changed = ask("status", "--porcelain", "--untracked-files=no").strip()
        return ask("rev-parse", "HEAD").strip() + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def write_json(path: Path, content: Any) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


def begin(folder: Path, content: dict[str, Any], resume: bool) -> None:
    """Make the folder, or check that its run is the one to go on with; the manifest keeps the earlier sessions.

    Raises:
        StoreError: if there is another run in it, or nothing may be written.
    """
    path = folder / "manifest.json"
    if path.exists():
        if not resume:
            raise StoreError(f"{folder} holds a run; give another --out, or --resume to go on with it.")
        old = read_manifest(folder)
        same = ("schema", "suites", "settings")
        differ = [key for key in same if old.get(key) != content[key]]
        if differ:
            raise StoreError(
                f"{folder} was begun with other {' and '.join(differ)}; give the same command, or another --out."
            )
        session = {key: old[key] for key in ("date", "commit", "versions", "devices", "status")}
        content = content | {"earlier": [*old.get("earlier", ()), session]}
    try:
        write_json(path, content)
    except OSError as error:
        raise StoreError(f"can't write to {folder}: {error.strerror}.") from None


def finish(folder: Path, status: str) -> None:
    """Note in the manifest how the run ended."""
    write_json(folder / "manifest.json", read_manifest(folder) | {"status": status})


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a run.

    Raises:
        StoreError: if there is none, or it is of another version.
    """
    try:
        content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise StoreError(f"{folder} holds no run: it has no readable manifest.json.") from None
    if content.get("schema") != schema.VERSION:
        raise StoreError(f"{folder} has schema {content.get('schema')}; this program reads {schema.VERSION}.")
    return content


def cell_path(folder: Path, suite: str, game: str, solver: str, device: str) -> Path:
    """Return the path of a cell's summary."""
    return folder / "cells" / device / suite / game / f"{solver}.json"


def points_path(path: Path) -> Path:
    """Return the path of a cell's points; they have a folder of their own, which pandas reads as one table."""
    *front, _, device, suite, game, name = path.parts
    return Path(*front, "points", device, suite, game, name).with_suffix(".parquet")


def save(path: Path, names: dict[str, str], summary: dict[str, Any], points: pd.DataFrame | None) -> None:
    """Write a cell, its summary last: where that is, the cell is done."""
    if points is not None:
        where = points_path(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        part = where.with_suffix(".part")
        points.assign(**names)[list(schema.POINTS)].to_parquet(part, index=False)
        part.replace(where)
    write_json(path, names | summary)


def summaries(folder: Path) -> list[Path]:
    """Return the files of all cells that are done, in the order of their names."""
    return sorted(folder.glob("cells/*/*/*/*.json"))


def tables(folder: Path) -> list[Path]:
    """Return the files of all curve points, in the order of their names."""
    return sorted(folder.glob("points/*/*/*/*.parquet"))


def cells(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the summaries of all cells that are done."""
    for path in summaries(folder):
        yield json.loads(path.read_text(encoding="utf-8"))


def label(cell: dict[str, Any]) -> str:
    """Return what a cell is called."""
    return " ".join(cell[key] for key in ("device", "suite", "game", "solver"))


def together(runs: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the cells of several runs.

    Raises:
        StoreError: if a folder holds no run, two of them hold the same cell, or solvers met a game under other terms.
    """
    found: dict[str, dict[str, Any]] = {}
    terms: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for folder in runs:
        read_manifest(folder)
        for cell in cells(folder):
            name = label(cell)
            if name in found:
                raise StoreError(f"{name} is in two of the runs; compare them, or take runs of other cells.")
            found[name] = cell
            if "final" in cell:
                key = tuple(cell[part] for part in ("device", "suite", "game"))
                same = tuple(cell[part] for part in ("lanes", "budget", "target"))
                if terms.setdefault(key, same) != same:
                    raise StoreError(
                        f"{name} had {same[0]} starts and budget {same[1]}, other solvers {terms[key][0]} and "
                        f"{terms[key][1]}; only runs with the same --seeds and --budget go together."
                    )
    return list(found.values())


def points(folder: Path) -> pd.DataFrame:
    """Return the points of all curves of a run."""
    paths = tables(folder)
    if not paths:
        return pd.DataFrame(columns=list(schema.POINTS))
    return pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
