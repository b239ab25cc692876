"""Write tables of results, with the versions, machine and command that a reader needs to judge them."""

import argparse
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gamesolve.compare.provenance import provenance

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("jax", "jaxlib", "optax")

Row = dict[str, Any]


def measure(
    name: str,
    rows: Callable[[argparse.Namespace], Iterable[Row]],
    arguments: argparse.Namespace,
    command: str,
    packages: Sequence[str] = PACKAGES,
    about: str = "",
    words: Callable[[Sequence[Row]], Mapping[str, str]] = lambda rows: {},
) -> int:
    """Print and write the rows of a measurement as they come, so that an interrupted one keeps its rows.

    Args:
        name: name of the measurement, whose title and notes are in ``measurements/notes.toml``.
        rows: function from the arguments of the command line to the rows.
        arguments: arguments of the command line.
        command: the command line.
        packages: packages whose versions matter.
        about: suffix of the files' names.
        words: function from the rows to the words that complete the title and the notes.

    Returns:
        The exit code, 0.
    """
    texts = tomllib.loads((Path(__file__).parent / "measurements/notes.toml").read_text(encoding="utf-8"))[name]
    where, found = None, []
    for row in rows(arguments):
        where = where or provenance(command, packages)  # after the rows have configured JAX
        found.append(row)
        print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)
        title, notes = (texts[key].format(**words(found)) for key in ("title", "notes"))
        write(name + about, title, notes.strip(), found, where, arguments.out)
    verdicts = [row["verdict"] for row in found if row.get("verdict") in ("met", "missed")]
    print(f"\n{table(found)}\n")
    if verdicts:
        print(f"{verdicts.count('met')} of {len(verdicts)} targets met")
    return 0


def choices(known: Iterable[str]) -> dict[str, Any]:
    """Return the settings of an option that selects some names; the default is all."""
    return {"nargs": "+", "choices": list(known), "default": list(known)}


def write(name: str, title: str, notes: str, rows: Sequence[Row], where: Row, out: Path) -> None:
    """Write ``name.json`` and ``name.md`` into the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(where | {"rows": aligned(rows)}, indent=1) + "\n")
    versions = ", ".join(f"{package} {version}" for package, version in where["versions"].items())
    setting = f"{where['date']}, {', '.join(where['devices'])}, {where['machine']}; {versions}.\n`{where['command']}`"
    (out / f"{name}.md").write_text(f"# {title}\n\n{setting}\n\n{notes}\n\n{table(rows)}\n")


def aligned(rows: Sequence[Row]) -> list[Row]:
    """Return rows with equal keys; missing entries are None."""
    columns = dict.fromkeys(key for row in rows for key in row)
    return [columns | row for row in rows]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table whose columns are aligned for a terminal as well."""
    rows = aligned(rows)
    if not rows:
        return ""
    cells = [list(rows[0]), *(list(map(_format, row.values())) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def command(argv: Sequence[str]) -> str:
    """Return the command line without the folder of the results, which only describes the machine."""
    words = [word for word in argv if not word.startswith("--out=")]
    while "--out" in words:
        at = words.index("--out")
        del words[at : at + 2]
    return " ".join(["python -m benchmarks", *words])


def _format(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
