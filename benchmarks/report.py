"""What was measured, where and how: the files that a suite leaves in ``benchmarks/results``."""

import datetime
import importlib.metadata
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

RESULTS = Path(__file__).parent / "results"


def environment(command: str, packages: Sequence[str]) -> dict[str, Any]:
    """Return what a reader needs to judge the figures; nothing that names the machine."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    # The load says whether others used the machine: several threads that wait for each other then lose far more
    # than one thread does, PyTorch's above all.
    device = f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return {"command": command, "date": datetime.date.today().isoformat(), "device": device, "versions": versions}


def command(argv: Sequence[str]) -> str:
    """Return the command line without the folder of the results, which says something about the machine only."""
    words = [word for word in argv if not word.startswith("--out=")]
    while "--out" in words:
        at = words.index("--out")
        del words[at : at + 2]
    return " ".join(["python -m benchmarks", *words])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of equal keys as a Markdown table, aligned to be read in a terminal as well."""
    if not rows:
        return ""
    cells = [list(rows[0]), *([_format(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(name: str, title: str, notes: str, rows: Sequence[dict[str, Any]], where: dict[str, Any], out: Path) -> None:
    """Write ``name.json`` and ``name.md`` into the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(where | {"rows": list(rows)}, indent=1) + "\n")
    versions = ", ".join(f"{package} {version}" for package, version in where["versions"].items())
    setting = f"{where['date']}, {where['device']}; {versions}.\n`{where['command']}`"
    (out / f"{name}.md").write_text(f"# {title}\n\n{setting}\n\n{notes}\n\n{table(rows)}\n")


def duration(seconds: float) -> str:
    """Return a time with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _format(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
