"""Lay out the tables that the command prints: one per game, and the list of games and solvers."""

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import jax

from gamesolve import registry
from gamesolve.compare import Problem, Row, Run, stability, verdict
from gamesolve.compare.choices import RULES
from gamesolve.solvers.entry import SolverEntry

# Maximum length of a line.
WIDTH = 120
# Heading, width and format of the table's columns; {quantity} is the distance or the norm of the field.
LAYOUT = (
    ("solver", 13, str),
    ("status", 9, str),
    ("{quantity}", 9, "{:.2e}".format),
    ("measured", 8, lambda factor: f"{factor:.5f}" if factor < 10 else f"{factor:.5g}"),
    ("predicted", 9, lambda factor: f"{factor:.5f}" if factor < 10 else f"{factor:.5g}"),
    ("steps", 6, "{:.0f}".format),
    ("gradients", 9, "{:.0f}".format),
    ("J products", 10, "{:.0f}".format),
    ("µs/step", 7, "{:.3g}".format),
    ("compile s", 9, "{:.2f}".format),
)
LEGEND = (
    "measured: factor per step of the distance (or ‖v‖), fitted over the last half of the run; predicted: spectral\n"
    "radius of the step map, none if the steps adapt or change. gradients, J products: whole fields, and products\n"
    "with their Jacobian, in these steps."
)
# A further column, if each solver has its own step size.
TUNED = ("step size", 9, str)


def table(problem: Problem, summary: str, runs: Sequence[Run]) -> str:
    """Lay out the runs on one game.

    Args:
        problem: the game.
        summary: description of the game, in a line.
        runs: the runs of its solvers.

    Returns:
        The game, a line per run, and the notes as footnotes.
    """
    broadest = max(len(run.row.solver) for run in runs)
    layout = (*LAYOUT[:2], TUNED, *LAYOUT[2:]) if runs[0].row.tried else LAYOUT
    lines = [_heading(problem, summary, runs[0].row.seeds), ""]
    lines.append(_line((heading.format(quantity=_quantity(problem)) for heading, _, _ in layout), layout, broadest))
    lines += [_line(_cells(run.row, layout), layout, broadest) for run in runs]
    sentence = textwrap.fill(verdict(problem, runs), len(lines[2]), subsequent_indent="  ")
    return "\n".join(line.rstrip() for line in [*lines, *_footnotes(runs), sentence])


def _quantity(problem: Problem) -> str:
    if problem.noise is not None:
        return "floor"
    if problem.game.equilibria:
        return "distance"
    return "‖v‖" if problem.constraints is None else "residual"


def _heading(problem: Problem, summary: str, seeds: int) -> str:
    size = sum(leaf.size for leaf in jax.tree.leaves(problem.start))
    facts = [f"{problem.game.num_players} players, {size} parameters"]
    if problem.jacobian is not None and problem.constraints is None:
        facts.append(f"the equilibrium is {stability(problem.jacobian)} under the flow of the field")
    if problem.constraints is not None:
        facts.append("in sets, with the natural residual ‖z - P(z + v)‖")
    if problem.noise is not None:
        measured = "distance" if problem.game.equilibria else "residual"
        facts.append(f"noisy, with the floor of the {measured}")
    if seeds > 1:
        facts.append(f"medians over {seeds} starts")
    return f"{problem.name}: {summary}\n{'; '.join(facts)}"


def _status(row: Row) -> str:
    return f"{row.converged}/{row.seeds} conv" if row.status == "mixed" else row.status


def _cells(row: Row, layout: Sequence[tuple[str, int, Any]]) -> list[str]:
    away = row.field_norm if row.distance is None else row.distance
    tuned = [row.learning_rate] if row.tried else []
    values = [row.solver, _status(row), *tuned, away, row.contraction, row.predicted, row.steps, row.fields]
    values += [row.products, row.microseconds, row.compile_seconds]
    return ["-" if value is None else show(value) for value, (_, _, show) in zip(values, layout, strict=True)]


def _line(cells: Iterable[str], layout: Sequence[tuple[str, int, Any]], broadest: int) -> str:
    """Lay out one line of the table, with words aligned to the left and numbers to the right."""
    widths = [max(layout[0][1], broadest), *(width for _, width, _ in layout[1:])]
    padded = [
        text.ljust(width) if column < 2 else text.rjust(width)
        for column, (text, width) in enumerate(zip(cells, widths, strict=True))
    ]
    gap = "  " if sum(widths) + 2 * len(widths) <= WIDTH else " "
    return gap.join(padded)


def _footnotes(runs: Sequence[Run]) -> list[str]:
    """Return each note once, after the names of all solvers to which it applies."""
    remarks: dict[str, list[str]] = {}
    for run in runs:
        for note in filter(None, run.row.notes.split("; ")):
            remarks.setdefault(note, []).append(run.row.solver)
    lines = [f"{', '.join(names)}: {note}" for note, names in remarks.items()]
    return [textwrap.fill(line, WIDTH, initial_indent="  ", subsequent_indent="    ") for line in lines]


def listing() -> str:
    """Return the games and solvers of the registry; long cells continue on the lines below."""
    games = [f"  {entry.name:15}{entry.summary}" for entry in registry.GAMES.values()]
    notation = "solvers by family (one step; z all players, v the field, J its Jacobian)"
    rules = _group("Rules of optax: one for each player, at once or in turn", RULES.values())
    return "\n".join(["games", *games, "", notation, "", solver_listing(registry.FAMILIES.values()), "", rules])


def solver_listing(families: Iterable[registry.Family]) -> str:
    """Return the solvers of some families, under the title and the idea of each family."""
    of = lambda family: [entry for entry in registry.SOLVERS.values() if entry.family == family.name]
    return "\n\n".join(_group(f"{family.title}: {family.idea}", of(family)) for family in families)


def _group(heading: str, entries: Iterable[SolverEntry]) -> str:
    """Return solvers under a heading, in columns that are the same for all groups."""
    every = (*registry.SOLVERS.values(), *RULES.values())
    name, paper = 2 + max(len(entry.name) for entry in every), min(max(len(entry.paper) for entry in every), 40)
    formula = WIDTH - 2 - name - 2 - paper
    lines = [
        f"  {first:{name}}{second:{formula + 2}}{third}".rstrip()
        for entry in entries
        for first, second, third in _wrapped((entry.name, entry.formula, entry.paper), (name, formula, paper))
    ]
    return "\n".join([*textwrap.wrap(heading, WIDTH), *lines])


def _wrapped(cells: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[str, ...]]:
    """Return the lines of some cells, wrapped to these widths."""
    columns = [textwrap.wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return zip_longest(*columns, fillvalue="")
