"""Write the folder of a run of the command: ``results.csv``, a figure per game, and ``manifest.json``."""

import contextlib
import csv
import dataclasses
import datetime
import json
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from gamesolve.compare import Problem, Row, Run, Settings, picture
from gamesolve.compare.provenance import provenance
from gamesolve.compare.runs import COLUMNS


def unused_folder() -> Path:
    """Return a new folder in ``runs`` that is named by the time."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = Path("runs") / f"{stamp}-compare"
    count = 1
    while folder.exists():
        count += 1
        folder = Path("runs") / f"{stamp}-compare-{count}"
    return folder


def make_folder(folder: Path) -> None:
    """Make the folder; raises OSError if the folder cannot be made or written to."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.csv").touch()


def describe(arguments: list[str], settings: Settings, games: list[str], solvers: list[str]) -> dict[str, Any]:
    """Return everything that is needed to repeat a run of the command."""
    device = jax.devices()[0]
    return {
        **provenance(shlex.join(["gamesolve", *arguments]), ("jax", "jaxlib", "optax", "numpy", "matplotlib")),
        "working_directory": str(Path.cwd()),
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "precision": "float64" if jax.config.read("jax_enable_x64") else "float32",
        "seed": settings.seed,
        "settings": dataclasses.asdict(settings),
        "games": games,
        "solvers": solvers,
        "columns": COLUMNS,
    }


@contextlib.contextmanager
def manifest(folder: Path, content: Mapping[str, Any]) -> Iterator[None]:
    """Write ``manifest.json`` before a run, and again with the way that it ended after the run."""

    def write(status: str) -> None:
        write_json(folder / "manifest.json", {**content, "status": status})

    write("running")
    try:
        yield
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | GeneratorExit)
        write("interrupted" if stopped else f"failed: {error}")
        raise
    write("finished")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


@contextlib.contextmanager
def open_table(folder: Path) -> Iterator[Callable[[Row], None]]:
    """Open the CSV file, and yield a function that writes a row immediately."""
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(COLUMNS))
        table.writeheader()

        def write(row: Row) -> None:
            table.writerow(dataclasses.asdict(row))
            file.flush()

        yield write


def draw(problem: Problem, runs: Sequence[Run], folder: Path) -> None:
    """Draw the figure of one game, unless no solver can run on it."""
    if all(run.row.status == "n/a" for run in runs):
        return
    from gamesolve import plots  # a local import: matplotlib takes half a second

    figure = plots.comparison(picture(problem, runs))
    figure.savefig(folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', problem.name)}.png")
