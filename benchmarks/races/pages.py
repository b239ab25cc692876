"""The report of runs: one HTML page that needs nothing else, and the same tables as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.races import digest as digests
from benchmarks.races import pictures, schema, store

TEMPLATE = Path(__file__).parent / "page.html"


def write(runs: Sequence[Path], out: Path, axis: str = "spent") -> list[Path]:
    """Write ``report.html`` and ``report.md``, or ``report-AXIS.html`` and so on; returns their paths.

    Raises:
        StoreError: if a folder holds no run, or jinja2 is missing.
    """
    try:
        import jinja2  # here, because only this needs it
    except ImportError:
        raise store.StoreError("report needs jinja2; install it with pip install 'gamesolve[bench]'.") from None
    loaded = digests.load(runs, axis)
    sections = [_section(digest) for digest in loaded]
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


def record(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write what is kept of runs, a table and a JSON file for each suite: its conclusions, its profiles or its rows."""
    manifest = store.read_manifest(runs[0])
    where = {"device": f"{', '.join(manifest['devices'])}, {manifest['machine']}"}
    where |= {key: manifest[key] for key in ("command", "date", "commit", "versions")}
    for digest in digests.load(runs):
        notes = "\n".join([digest.suite.question, "", *(f"- {line}" for line in conclusions([digest]))])
        rows = [{key: shown(value) for key, value in row.items()} for row in digest.rows or digests.profile(digest)]
        report.write(digest.suite.name, f"Suite {digest.suite.name}", notes, rows, where, out)
    return sorted(out.glob("*.md"))


def conclusions(loaded: Sequence[digests.Digest]) -> list[str]:
    """Return the sentences that a run ends with."""
    lines = []
    for digest in loaded:
        name = digest.suite.name
        if (worst := digests.worst_ratio(digest)) is not None:
            rated = [row for row in digests.summary(digest) if row["ratio"]]
            logs = [row["ratio of logs"] for row in rated if row["ratio of logs"]]
            close = sum(abs(ratio - 1) < 0.05 for ratio in logs)
            lines.append(
                f"{name}: measured contraction over the predicted rate, {len(rated)} cells; the worst is "
                f"{worst['ratio']:.6f} ({worst['solver']} on {worst['game']}); the logarithms agree to 5 % in {close} "
                f"of {len(logs)}, where the slowest mode has won by the end of the run"
            )
        checked, other = digests.flows(digest)
        if checked:
            verdict = f"otherwise than known: {', '.join(other)}" if other else "as known"
            lines.append(f"{name}: what the flow does at the equilibrium was looked at on {checked} games, {verdict}")
        if name == "published":
            agree = sum(row["verdict"].startswith("agrees") for row in digest.rows)
            rows = len({row["row"] for row in digest.rows})
            lines.append(f"published: {agree} of {len(digest.rows)} figures agree, in {rows} experiments")
        exponents = {row["solver"]: row["exponent"] for row in digest.rows if row.get("exponent") is not None}
        if exponents:
            low, high = min(exponents, key=lambda key: exponents[key]), max(exponents, key=lambda key: exponents[key])
            lines.append(
                f"{name}: exponents of the cost in the parameters from {exponents[low]:.3f} ({low}) to "
                f"{exponents[high]:.3f} ({high}), {len(exponents)} solvers"
            )
    return lines


def tables(digest: digests.Digest) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the tables of a suite with their titles."""
    if digest.rows:
        return [("", digest.rows)]
    return [
        (title, rows)
        for title, rows in (
            (f"profiles over {schema.AXES[digest.axis]}", digests.profile(digest)),
            (f"values at equal {schema.AXES[digest.axis]}", digests.at_equal_budget(digest)),
            ("cells", digests.summary(digest)),
        )
        if rows
    ]


def shown(value: Any) -> str:
    """Return an entry of a table as text."""
    if value is None:
        return ""
    if isinstance(value, bool | str | int):
        return str(value)
    return f"{value:.4g}" if abs(value) < 1e-3 or abs(value) >= 1e4 else f"{value:.5g}"


def text(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a Markdown table."""
    return report.table([{key: shown(value).replace("|", "\\|") for key, value in row.items()} for row in rows])


def _section(digest: digests.Digest) -> dict[str, Any]:
    figures = []
    if digest.cells:
        figures += [("", drawn) for drawn in pictures.profiles(digest)]
        about = {game.name: game.summary for game in digest.suite.games}
        for name in dict.fromkeys(cell["game"] for cell in digest.cells):
            points: Any = digest.points[digest.points["game"] == name]
            if len(points):
                figures.append((about.get(name, ""), pictures.curves(points, name, digest.axis)))
    elif digest.rows and "microseconds" in digest.rows[0]:
        figures += [("", drawn) for drawn in pictures.scaling(digest.rows)]
    return {
        "name": digest.suite.name,
        "question": digest.suite.question,
        "conclusions": conclusions([digest]),
        "tables": tables(digest),
        "figures": figures,
    }


def _markdown(sections: Sequence[dict[str, Any]], manifests: Sequence[dict[str, Any]]) -> str:
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
