"""Write the page of each solver, the gallery, and the tables of the families: ``python docs/solver_pages.py``.

Formulas and sentences come from docs/solvers/methods.toml, costs and papers from the registry, and numbers and pictures
from docs/solver_paths.py. On the family pages and in docs/solvers.md the generated parts stand between a marker and
``<!-- end -->``.
"""

import json
import pathlib
import re
import textwrap
import tomllib
from typing import Any

from fill import cost, members
from solver_games import LISTS
from solver_paths import LIMIT, STEPS

from gamesolve import registry
from gamesolve.registry import Family
from gamesolve.solvers.entry import SolverEntry

DOCS = pathlib.Path(__file__).resolve().parent
TEXTS: dict[str, dict[str, str]] = tomllib.loads((DOCS / "solvers" / "methods.toml").read_text(encoding="utf-8"))
MEASURED: dict[str, Any] = json.loads((DOCS / "solvers" / "measured.json").read_text(encoding="utf-8"))
LETTERS = {
    "v": "$z$ holds the parameters of all players and $z_k$ those before step $k$. $v$ is the field: each player's "
    "gradient of its own payoff, at $z_k$ if no point is given.",
    "E": "$E$ are the step sizes, the argument `learning_rate`.",
    "J": "$J$ is the Jacobian of the field.",
    "J_o": "$J_o$ are the blocks of the field's Jacobian that couple different players.",
    "P": "$P$ projects onto the players' sets.",
    "I": "$I$ is the identity.",
}
UNITS = "A field is one gradient of every payoff. A jvp is a product with the Jacobian, a vjp one with its transpose."
FAMILY_LETTERS = (
    "$z$ holds the parameters of all players and $z_k$ those before step $k$. $v$ is the field: each player's "
    "gradient of its own payoff, at $z_k$ if no point is given. $J$ is the Jacobian of the field, $J_o$ are its blocks "
    "that couple different players, and $I$ is the identity. $E$ are the step sizes, and $\\eta$ is the step size if "
    "all are equal. $P$ projects onto the players' sets. An index $i$ means the part of player $i$."
)


def letters(step: str) -> list[str]:
    """Return the sentences on the letters that occur in a formula."""
    used = set(re.findall(r"\bv|E\b|J_o|J(?!_)|\bP\b|\bI\b", step.replace("\\,", " ")))
    return [sentence for letter, sentence in LETTERS.items() if letter in used or letter == "v"]


def outcome(row: dict[str, float]) -> str:
    """Return in words how a path ends, from its distances to the equilibrium."""
    ratio = row["end"] / row["start"]
    if ratio < 0.02:
        return "reaches the equilibrium"
    if ratio < 0.7:
        return "approaches the equilibrium"
    return "keeps its distance to the equilibrium" if ratio < 1.4 else "moves away from the equilibrium"


def alt(name: str) -> str:
    """Return what is seen on the picture of a solver."""
    games = LISTS[TEXTS[name].get("games", "plane")]
    parts = [f"on {game.title} it {outcome(row)}" for game, row in zip(games, MEASURED[name]["games"], strict=True)]
    return f"Three paths of {name} over arrows of the field; {', '.join(parts)}."


def wrapped(*sentences: str) -> str:
    """Return sentences as one paragraph of at most 118 columns."""
    return textwrap.fill(" ".join(sentences), 118, break_long_words=False, break_on_hyphens=False)


def page(entry: SolverEntry) -> str:
    """Return the page of a solver; a solver that has not been drawn yet lacks its path and its example."""
    text, family = TEXTS[entry.name], registry.FAMILIES[entry.family]
    return f"""\
# `{entry.name}`

{wrapped(f"*{text['name']}.*", text["purpose"])}

$$
{text["step"]}
$$

{wrapped(*letters(text["step"]), text.get("where", ""))}

| | |
| --- | --- |
| family | [{family.title}](../{family.name}.md) |
| cost per step | {cost(entry.cost)} |
| paper | {entry.paper} |
| arguments and docstring | {{py:func}}`gamesolve.{entry.name}` |

{UNITS}
{measurements(entry) if entry.name in MEASURED else ""}"""


def measurements(entry: SolverEntry) -> str:
    """Return the path, the numbers and the example of a solver."""
    text, numbers = TEXTS[entry.name], MEASURED[entry.name]
    games = LISTS[text.get("games", "plane")]
    rated = entry.rated and all(row["rate"] for row in numbers["games"])
    rows = [
        f"| {f'${game.math}$' if game.math else game.title} | {row['start']:.2f} | {row['end']:.2g} "
        f"| {row['factor']:.3f} |" + (f" {row['rate']:.4f} |" if rated else "")
        for game, row in zip(games, numbers["games"], strict=True)
    ]
    head = f"| game | distance at the start | after {STEPS} steps | factor per step |" + " predicted rate |" * rated
    caption = wrapped(
        f"The first {STEPS} steps of `{text['call']}` from the white circle, dark blue at first and orange at the end. "
        "The red ring runs along the path. The cross is the equilibrium, the arrows are the field.",
        "The dashed line consists of equilibria." if any(game.line for game in games) else "",
        "The path is that of the mean." if entry.name == "average" else "",
        "Axes are the probabilities of both players' first actions." if text.get("games") == "simplex" else "",
    )
    rate = (
        "Distances are those to the equilibrium. The factor per step is measured over the second half of the path: "
        "below 1 the solver converges."
        + " The predicted rate is that of {py:func}`gamesolve.analysis.rate`." * rated
        + " A single step of this solver has no fixed rate, so the factor can change along the path."
        * (not entry.rated)
    )
    return f"""
## Path

:::{{figure}} {entry.name}.svg
:alt: {alt(entry.name)}
:width: 100%

{caption}
:::

{head}
| --- | --- | --- | --- |{" --- |" * rated}
{chr(10).join(rows)}

{wrapped(rate)}

## Example

```python
{numbers["example"]}
```

It prints

```text
{numbers["prints"].strip()}
```

{ended(numbers["prints"])}
"""


def ended(printed: str) -> str:
    """Return a sentence on the output of the example."""
    status, steps = printed.split()
    if status == "CONVERGED":
        return f"The run converges: after {steps} steps the norm of the field is below 0.0001."
    if status == "BUDGET":
        return f"The run takes all {LIMIT} steps and does not bring the norm of the field below 0.0001."
    return f"The run ends with the status `{status}` after {steps} steps."


def card(entry: SolverEntry) -> str:
    """Return the tile of a solver in the gallery."""
    folder = f"solvers/methods/{entry.name}"
    image = f"```{{image}} {folder}.svg\n:alt: {alt(entry.name)}\n```" if entry.name in MEASURED else ""
    head = f":::{{grid-item-card}} `{entry.name}`\n:link: {folder}\n:link-type: doc"
    return f"{head}\n\n{image}\n`{entry.formula}`\n\n{cost(entry.cost)}\n:::"


def gallery() -> str:
    """Return the tiles of all solvers, by family."""
    parts = []
    for family in registry.FAMILIES.values():
        cards = "\n\n".join(map(card, members(family)))
        title = (
            f"### {family.title}\n\nThe family page says when to use which: [{family.title}](solvers/{family.name}.md)."
        )
        parts.append(f"{title}\n\n::::{{grid}} 1 1 2 2\n:gutter: 2\n\n{cards}\n\n::::")
    return "\n\n".join(parts)


def table(family: Family) -> str:
    """Return the table of a family and the list of its pages."""
    rows = [
        f"| [`{entry.name}`](methods/{entry.name}.md) | {TEXTS[entry.name]['purpose']} | {cost(entry.cost)} |"
        for entry in members(family)
    ]
    pages = "\n".join(f"methods/{entry.name}" for entry in members(family))
    head = "| solver | what it is for | cost per step |\n| --- | --- | --- |"
    return f"{head}\n{chr(10).join(rows)}\n\n{UNITS}\n\n```{{toctree}}\n:hidden:\n\n{pages}\n```"


def formulas(family: Family) -> str:
    """Return the formulas of a family with all of their letters."""
    parts = [wrapped(FAMILY_LETTERS)]
    for entry in members(family):
        text = TEXTS[entry.name]
        head = f"[`{entry.name}`](methods/{entry.name}.md), {entry.paper}:"
        parts.append(f"{head}\n\n$$\n{text['step']}\n$$")
        if "where" in text:
            parts.append(wrapped(text["where"].replace("](", "](methods/")))
    return "\n\n".join(parts)


def filled(text: str, marker: str, part: str) -> str:
    """Return a page with the part between a marker and the next end."""
    pattern = re.compile(rf"(<!-- {marker} -->\n).*?(<!-- end -->)", re.DOTALL)
    return pattern.sub(lambda match: f"{match[1]}\n{part}\n\n{match[2]}", text)


def pages() -> dict[pathlib.Path, str]:
    """Return the text of every page that this script writes."""
    written = {DOCS / "solvers" / "methods" / f"{name}.md": page(entry) for name, entry in registry.SOLVERS.items()}
    overview = DOCS / "solvers.md"
    written[overview] = filled(overview.read_text(encoding="utf-8"), "gallery of all solvers", gallery())
    for family in registry.FAMILIES.values():
        file = DOCS / "solvers" / f"{family.name}.md"
        text = filled(file.read_text(encoding="utf-8"), "solvers of this family", table(family))
        written[file] = filled(text, "formulas of this family", formulas(family))
    return written


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
