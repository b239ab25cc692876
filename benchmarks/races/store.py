"""Read and write the folder of a run: a manifest, and a summary and curve points for each finished cell."""

import dataclasses
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.races import schema
from benchmarks.report import Row
from benchmarks.suites import load
from benchmarks.suites.suite import Settings
from gamesolve.cli.results import write_json
from gamesolve.compare.provenance import provenance

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "scipy", "pandas", "pyarrow")
# The folders of cells, and the kinds of their files.
KINDS = {"cells": "json", "points": "parquet"}
LABELS = ("device", "suite", "game", "solver")


class StoreError(Exception):
    """An unusable folder or setting, with a message of one sentence."""


def describe(settings: Settings, suites: Sequence[str], command: str) -> Row:
    """Return everything that is needed to repeat a run and to judge its figures."""
    return {
        "schema": schema.VERSION,
        **provenance(command, PACKAGES),
        "suites": list(suites),
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
        "precision": {name: "float64" if settings.x64 or load(name).x64 else "float32" for name in suites},
        "commit": _commit(),
        "points": schema.POINTS,
        "cell": schema.CELL,
        "timing": list(schema.TIMING),
    }


def _commit() -> str:
    """Return the commit of the source, and whether files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def checked(folder: Path, content: Row, resume: bool) -> Row:
    """Return the manifest of a run to begin, or to resume with its earlier sessions.

    Raises:
        StoreError: if the folder holds another run, or cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write to {folder}: {error.strerror}.") from None
    if not (folder / "manifest.json").exists():
        return content
    if not resume:
        raise StoreError(f"{folder} holds a run. Give another --out, or --resume to continue it.")
    old = read_manifest(folder)
    differ = [key for key in ("suites", "settings") if old.get(key) != content[key]]
    if differ:
        raise StoreError(f"{folder} has other {' and '.join(differ)}. Give the same command, or another --out.")
    session = {key: old[key] for key in ("date", "commit", "versions", "devices", "status")}
    return content | {"earlier": [*old.get("earlier", ()), session]}


def read_manifest(folder: Path) -> Row:
    """Return the manifest of a run.

    Raises:
        StoreError: if there is none, or it has another version.
    """
    try:
        content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        raise StoreError(f"{folder} holds no run: it has no readable manifest.json.") from None
    if content.get("schema") != schema.VERSION:
        raise StoreError(f"{folder} must have schema {schema.VERSION}, got {content.get('schema')}.")
    return content


def path(folder: Path, kind: str, cell: Mapping[str, Any]) -> Path:
    """Return the path of a cell's summary (``cells``) or points, which pandas reads as one table."""
    *parents, name = (cell[label] for label in LABELS)
    return Path(folder, kind, *parents, f"{name}.{KINDS[kind]}")


def files(folder: Path, kind: str) -> list[Path]:
    """Return the files of all finished cells, sorted."""
    return sorted(folder.glob(f"{kind}/*/*/*/*.{KINDS[kind]}"))


def save(folder: Path, cell: Mapping[str, str], summary: Row, points: pd.DataFrame | None) -> None:
    """Write a cell, its summary last: if it exists, the cell is finished."""
    if points is not None:
        where = path(folder, "points", cell)
        where.parent.mkdir(parents=True, exist_ok=True)
        part = where.with_suffix(".part")
        points.assign(**cell)[list(schema.POINTS)].to_parquet(part, index=False)
        part.replace(where)
    write_json(path(folder, "cells", cell), {**cell, **summary})


def cells(folder: Path) -> Iterator[Row]:
    """Yield the summaries of all finished cells."""
    read_manifest(folder)
    for file in files(folder, "cells"):
        yield json.loads(file.read_text(encoding="utf-8"))


def points(folder: Path) -> pd.DataFrame:
    """Return the points of all curves of a run."""
    frames = [pd.read_parquet(file) for file in files(folder, "points")]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(schema.POINTS))


def label(cell: Mapping[str, Any]) -> str:
    """Return the name of a cell."""
    return " ".join(cell[label] for label in LABELS)


def together(runs: Sequence[Path]) -> list[Row]:
    """Return the cells of several runs.

    Raises:
        StoreError: if a folder holds no run, two runs hold the same cell, or solvers had different terms on a game.
    """
    found: dict[str, Row] = {}
    terms: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for cell in (cell for folder in runs for cell in cells(folder)):
        name = label(cell)
        if found.setdefault(name, cell) is not cell:
            raise StoreError(f"{name} is in two of the runs. Compare them, or give runs of other cells.")
        if "final" in cell:
            same = tuple(cell[part] for part in ("lanes", "budget", "target"))
            others = terms.setdefault(tuple(cell[part] for part in LABELS[:3]), same)
            if others != same:
                raise StoreError(
                    f"{name} had {same[0]} starts and budget {same[1]}, other solvers {others[0]} and {others[1]}. "
                    "Give runs with the same --seeds and --budget."
                )
    return list(found.values())
