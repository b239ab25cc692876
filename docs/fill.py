"""Fill the generated parts of the README and of docs/; ``python docs/fill.py`` rewrites them.

Generated are the tables between ``<!-- solvers: columns -->`` (or ``games:``) and ``<!-- end -->``, from
`gamesolve.registry`,
of a few of them with ``<!-- solvers(one, other): columns -->``, and the output under an example, a ``text`` block that
follows a ``python`` block and "prints".
"""

import contextlib
import io
import pathlib
import re
from collections.abc import Callable
from typing import Any

from gamesolve import registry

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = (
    ROOT / "README.md",
    ROOT / "docs" / "compare.md",
    ROOT / "docs" / "solvers.md",
    *sorted((ROOT / "docs" / "solvers").glob("*.md")),
)

TABLES = {"solvers": registry.SOLVERS, "games": registry.GAMES}
COLUMNS: dict[str, Callable[[Any], str]] = {
    "method": lambda entry: f"`{entry.name}`",
    "one step from z": lambda entry: f"`{entry.formula}`",
    "paper": lambda entry: entry.paper,
    "cost of a step": lambda entry: cost(entry.cost),
    "game": lambda entry: f"`{entry.name}`",
    "what it is": lambda entry: entry.summary,
}

TABLE = re.compile(r"(<!-- (\w+)(?:\(([^)]*)\))?: ([^>]*) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE = re.compile(r"(```python\n(.*?)```\n\nprints\n\n```text\n).*?(```)", re.DOTALL)


def fill(text: str) -> str:
    """Return a Markdown text with its generated parts as they should be."""
    text = TABLE.sub(lambda match: match[1] + table(match[2], match[3], match[4].split(", ")) + match[5], text)
    return EXAMPLE.sub(lambda match: match[1] + output(match[2]) + match[3], text)


def table(name: str, wanted: str | None, columns: list[str]) -> str:
    """Return a table of the registry as Markdown, of all entries unless some are wanted."""
    entries = TABLES[name]
    chosen = list(entries) if wanted is None else wanted.split(", ")
    rows = [columns, ["---"] * len(columns)]
    rows += [[COLUMNS[column](entries[one]) for column in columns] for one in chosen]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(["", *lines, "", ""])


def cost(spent: registry.Cost) -> str:
    """Return what a step costs in words, such as "1 field, 1 vjp"."""
    amounts = {"field": spent.fields, "jvp": spent.jvps, "vjp": spent.vjps}
    words = [f"{amount:g} {word}{'s' * (amount != 1)}" for word, amount in amounts.items() if amount]
    for kind, amount in (("jvp", spent.jvps_per_iteration), ("vjp", spent.vjps_per_iteration)):
        if amount:
            words.append(f"{amount:g} {kind}{'s' * (amount != 1)} per inner iteration")
    return ", ".join(words)


def output(code: str) -> str:
    """Return what a piece of Python prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "example", "exec"), {})
    return printed.getvalue()


if __name__ == "__main__":
    for file in FILES:
        file.write_text(fill(file.read_text(encoding="utf-8")), encoding="utf-8")
