"""The folder that a run of the command writes: ``results.csv``, a figure per game, and ``manifest.json``."""

import contextlib
import csv
import dataclasses
import datetime
import importlib.metadata
import json
import platform
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import jax

import gamesolve
from gamesolve.compare import Problem, Row, Run, Settings, picture
from gamesolve.compare.runs import COLUMNS


def unused_folder() -> Path:
    """Return a folder below ``runs`` that is named by the time and holds no other run."""
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = Path("runs") / f"{stamp}-compare"
    count = 1
    while folder.exists():
        count += 1
        folder = Path("runs") / f"{stamp}-compare-{count}"
    return folder


def make_folder(folder: Path) -> None:
    """Make the folder; raises OSError if that can't be done, or nothing can be written there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.csv").touch()


@contextlib.contextmanager
def manifest(
    folder: Path, arguments: list[str], settings: Settings, games: list[str], solvers: list[str]
) -> Iterator[None]:
    """Write the manifest before the run, and how it ended after it."""
    device = jax.devices()[0]
    content = {
        "status": "running",
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "command": shlex.join(["gamesolve", *arguments]),
        "working_directory": str(Path.cwd()),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "optax", "numpy", "matplotlib")}
        | {"gamesolve": gamesolve.__version__},
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "machine": platform.platform(),
        "precision": "float64" if jax.config.read("jax_enable_x64") else "float32",
        "seed": settings.seed,
        "settings": dataclasses.asdict(settings),
        "games": games,
        "solvers": solvers,
        "columns": COLUMNS,
    }

    def write(status: str) -> None:
        text = json.dumps(content | {"status": status}, indent=2, ensure_ascii=False)
        (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")

    write("running")
    try:
        yield
    except BaseException as error:
        write("interrupted" if isinstance(error, KeyboardInterrupt) else f"failed: {error}")
        raise
    write("finished")


@contextlib.contextmanager
def open_table(folder: Path) -> Iterator[Callable[[Row], None]]:
    """Open the CSV file, and give a function that writes a row at once."""
    with (folder / "results.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, list(COLUMNS))
        table.writeheader()

        def write(row: Row) -> None:
            table.writerow(dataclasses.asdict(row))
            file.flush()

        yield write


def draw(problem: Problem, runs: Sequence[Run], folder: Path) -> None:
    """Draw the figure of one game, unless no solver could run on it."""
    if all(run.row.status == "n/a" for run in runs):
        return
    from gamesolve import plots  # here, because matplotlib takes half a second to import

    figure = plots.comparison(picture(problem, runs))
    figure.savefig(folder / f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', problem.name)}.png")
