"""Generate the parts of the README and of docs/ that follow from the registry or from running an example.

``python docs/fill.py`` rewrites the pages that are read in the repository (`FILES`); the build of the site fills the
others as it reads them. Generated parts stand between a marker and ``<!-- end -->``:

- ``<!-- games: columns -->`` and ``<!-- families: columns -->``: tables of the catalogue games and of the families;
- ``<!-- papers: all -->``: the papers in the docstrings;
- ``<!-- functions: solvers -->``: the API tables of all solvers, one section per family;
- ``<!-- help: command -->``: what ``gamesolve command --help`` prints;
- ``<!-- listing(family): solvers -->``: the part of ``gamesolve compare --list`` on this family.

The output of an example is a ``text`` block that follows a ``python`` block and "prints".
"""

import contextlib
import inspect
import io
import os
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import Any
from unittest import mock

import gamesolve as gs
from gamesolve import cli, registry
from gamesolve.cli import tables
from gamesolve.registry import Family
from gamesolve.solvers.entry import Cost, SolverEntry

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = (ROOT / "README.md", ROOT / "docs" / "compare.md")
# Few enough that a new solver at the end of its family leaves the README as it is.
EXAMPLES = 2

COLUMNS: dict[str, Callable[[Any], str]] = {
    "game": lambda entry: f"`{entry.name}`",
    "what it is": lambda entry: entry.summary,
    "family": lambda family: f"[{family.title}](docs/solvers/{family.name}.md)",
    "idea": lambda family: family.idea,
    "for example": lambda family: ", ".join(f"`{entry.name}`" for entry in members(family)[:EXAMPLES]),
}

MARKER = re.compile(r"(<!-- (\w+)(?:\((\w+)\))?: ([^>]*) -->\n).*?(<!-- end -->)", re.DOTALL)
EXAMPLE = re.compile(r"(```python\n((?:(?!```).)*)```\n\nprints\n\n```text\n).*?(```)", re.DOTALL)


def fill(text: str) -> str:
    """Return a Markdown text with its generated parts up to date."""
    text = MARKER.sub(lambda match: f"{match[1]}\n{generated(*match.group(2, 3, 4))}\n\n{match[5]}", text)
    return EXAMPLE.sub(lambda match: match[1] + output(match[2]) + match[3], text)


def generated(kind: str, family: str | None, columns: str) -> str:
    """Return the part that a marker asks for."""
    if kind == "functions":
        return "\n\n".join(map(section, registry.FAMILIES.values()))
    if kind == "listing":
        families = [each for each in registry.FAMILIES.values() if family in (None, each.name)]
        return f"```text\n{tables.solver_listing(families)}\n```"
    if kind == "help":
        return f"```text\n{help_of(columns)}```"
    if kind == "papers":
        return papers()
    rows = {"games": registry.GAMES.values(), "families": registry.FAMILIES.values()}[kind]
    return table(rows, columns.split(", "))


def table(rows: Iterable[Any], columns: list[str]) -> str:
    """Return a Markdown table with one row for each entry or family."""
    cells = [columns, ["---"] * len(columns), *([COLUMNS[column](row) for column in columns] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def section(family: Family) -> str:
    """Return the section of the API page for a family: its title, its idea and a table of its functions."""
    names = "\n".join(f"   ~gamesolve.{entry.name}" for entry in members(family))
    return (
        f"## {family.title}\n\n{family.idea[0].upper()}{family.idea[1:]}.\n"
        f"See {{doc}}`/solvers/{family.name}` for rates and advice.\n\n"
        f"```{{eval-rst}}\n.. autosummary::\n   :nosignatures:\n\n{names}\n```"
    )


def help_of(command: str) -> str:
    """Return what a command prints about itself, at most 80 columns wide."""
    printed = io.StringIO()
    narrow = mock.patch.dict(os.environ, {"COLUMNS": "80"})
    with narrow, contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        cli.main([command, "--help"])
    return printed.getvalue()


def papers() -> str:
    """Return a list of the papers in the docstrings of public names, each with the names that it belongs to."""
    found: dict[str, list[str]] = {}
    for module in (gs, gs.transforms, gs.analysis, gs.games, gs.games.gan, gs.metrics, gs.estimators, gs.plots):
        for name in module.__all__:
            text = inspect.getdoc(getattr(module, name)) or ""
            if "\nReference:\n" not in text or inspect.ismodule(getattr(module, name)):
                continue
            words = text.split("\nReference:\n")[1].split("\n\n")[0].split()
            for paper in " ".join(words).split("; "):
                names = found.setdefault(paper.rstrip("."), [])
                if name not in names:
                    names.append(name)
    return "\n".join(f"- {paper}. *{', '.join(names)}*" for paper, names in sorted(found.items()))


def members(family: Family) -> list[SolverEntry]:
    """Return the solvers of a family."""
    return [entry for entry in registry.SOLVERS.values() if entry.family == family.name]


def cost(spent: Cost) -> str:
    """Return the cost of a step in words, such as "1 field, 1 vjp"."""
    amounts = {"field": spent.fields, "jvp": spent.jvps, "vjp": spent.vjps}
    words = [f"{amount:g} {word}{'s' * (amount != 1)}" for word, amount in amounts.items() if amount]
    for kind, amount in (("jvp", spent.jvps_per_iteration), ("vjp", spent.vjps_per_iteration)):
        if amount:
            words.append(f"{amount:g} {kind}{'s' * (amount != 1)} per inner iteration")
    return ", ".join(words)


def output(code: str) -> str:
    """Return the output of a piece of Python."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "example", "exec"), {})
    return printed.getvalue()


if __name__ == "__main__":
    for file in FILES:
        file.write_text(fill(file.read_text(encoding="utf-8")), encoding="utf-8")
