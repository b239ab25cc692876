"""Write the report of runs: one HTML page without other files, and the same tables as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.races import digest as digests
from benchmarks.races import pictures, schema, store
from benchmarks.report import Row
from benchmarks.suites.suite import Race
from gamesolve.checks.extras import needs

TEMPLATE = Path(__file__).parent / "page.html"


def write(runs: Sequence[Path], out: Path, axis: str = "spent") -> list[Path]:
    """Write ``report.html`` and ``report.md``, or ``report-AXIS.html`` and so on; returns their paths.

    Raises:
        StoreError: if a folder holds no run, or jinja2 is missing.
    """
    try:
        import jinja2  # here, because only this needs it
    except ImportError:
        raise store.StoreError(str(needs("report", "jinja2", "bench"))) from None
    sections = [_section(digest) for digest in digests.load(runs, axis)]
    manifests = [store.read_manifest(folder) for folder in runs]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = shown
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    name = "report" if axis == "spent" else f"report-{axis}"
    html, markdown = out / f"{name}.html", out / f"{name}.md"
    html.write_text(page.render(sections=sections, manifests=manifests, axis=schema.AXES[axis]), encoding="utf-8")
    markdown.write_text(_markdown(sections, manifests), encoding="utf-8")
    return [html, markdown]


def record(runs: Sequence[Path], out: Path) -> None:
    """Write the results to keep, a table and a JSON file for each suite: its conclusions, and its profiles or rows."""
    where = {
        key: store.read_manifest(runs[0])[key]
        for key in ("command", "date", "machine", "devices", "commit", "versions")
    }
    for digest in digests.load(runs):
        notes = "\n".join([digest.suite.question, "", *(f"- {line}" for line in conclusions([digest]))])
        rows = [{key: shown(value) for key, value in row.items()} for row in digest.rows or digests.profile(digest)]
        report.write(digest.suite.name, f"Suite {digest.suite.name}", notes, rows, where, out)


def conclusions(loaded: Sequence[digests.Digest]) -> list[str]:
    """Return the conclusions of runs, one sentence each."""
    return [f"{digest.suite.name}: {line}" for digest in loaded for line in _conclusions(digest)]


def _conclusions(digest: digests.Digest) -> list[str]:
    lines = []
    if (worst := digests.worst_ratio(digest)) is not None:
        rated = digests.rated(digest)
        logs = [row["ratio of logs"] for row in rated if row["ratio of logs"]]
        close = sum(abs(ratio - 1) < 0.05 for ratio in logs)
        lines.append(
            f"measured contraction over the predicted rate, {len(rated)} cells; the worst is "
            f"{worst['ratio']:.6f} ({worst['solver']} on {worst['game']}); the logarithms agree to 5 % in {close} "
            f"of {len(logs)}, those whose slowest mode dominates by the end of the run"
        )
    checked, other = digests.flows(digest)
    if checked:
        verdict = f"otherwise than known: {', '.join(other)}" if other else "as known"
        lines.append(f"the stability of the flow at the equilibrium was looked at on {checked} games, {verdict}")
    verdicts = [row["verdict"].startswith("agrees") for row in digest.rows if "verdict" in row]
    if verdicts:
        experiments = len({row["row"] for row in digest.rows})
        lines.append(f"{sum(verdicts)} of {len(verdicts)} figures agree, in {experiments} experiments")
    exponents = sorted((row["exponent"], row["solver"]) for row in digest.rows if row.get("exponent") is not None)
    if exponents:
        (low, first), (high, last) = exponents[0], exponents[-1]
        lines.append(
            f"exponents of the cost in the parameters from {low:.3f} ({first}) to {high:.3f} ({last}), "
            f"{len(exponents)} solvers"
        )
    return lines


def shown(value: Any) -> str:
    """Return an entry of a table as text."""
    if value is None:
        return ""
    if isinstance(value, bool | str | int):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.5g}"


def text(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    return report.table([{key: shown(value).replace("|", "\\|") for key, value in row.items()} for row in rows])


def _section(digest: digests.Digest) -> Row:
    unit, tables, figures = schema.AXES[digest.axis], [("", digest.rows)], []
    if isinstance(digest.suite, Race) and digest.cells:
        tables = [
            (f"ranking by {unit} to the target", digests.ranking(digest)),
            (f"profiles over {unit}", digests.profile(digest)),
            (f"values at equal {unit}", digests.at_equal_budget(digest)),
            ("cells", digests.summary(digest)),
        ]
        about = {game.name: game.summary for game in digest.suite.games}
        figures = [("", drawn) for drawn in pictures.both_profiles(digest)]
        figures += [
            (about.get(game, ""), pictures.curves(digest, game)) for game in digest.games if len(digest.of(game))
        ]
    elif digest.rows and "microseconds" in digest.rows[0]:
        figures = [("", drawn) for drawn in pictures.scaling(digest.rows)]
    return {
        "name": digest.suite.name,
        "question": digest.suite.question,
        "conclusions": conclusions([digest]),
        "tables": [(title, report.aligned(rows)) for title, rows in tables if rows],
        "figures": figures,
    }


def _markdown(sections: Sequence[Row], manifests: Sequence[Row]) -> str:
    parts = ["# Benchmarks of game solvers"]
    for manifest in manifests:
        versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
        parts.append(f"`{manifest['command']}`\n{manifest['date']}, commit {manifest['commit']}; {versions}")
    for section in sections:
        parts += [
            f"## {section['name']}",
            section["question"],
            "\n".join(f"- {line}" for line in section["conclusions"]),
        ]
        parts += [f"### {title}\n\n{text(rows)}" if title else text(rows) for title, rows in section["tables"]]
    return "\n\n".join(part for part in parts if part) + "\n"
