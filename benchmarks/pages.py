"""The report of runs: one HTML page that needs nothing else, and the same tables as Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import digest as digests
from benchmarks import pictures, report, store

FIGURES = 60
TEMPLATE = Path(__file__).parent / "page.html"


def write(runs: Sequence[Path], out: Path) -> list[Path]:
    """Write ``report.html`` and ``report.md``; returns their paths.

    Raises:
        StoreError: if a folder holds no run, or jinja2 is missing.
    """
    try:
        import jinja2  # here, because only this needs it
    except ImportError:
        raise store.StoreError("report needs jinja2; install it with pip install 'gamesolve[bench]'.") from None
    loaded = digests.load(runs)
    sections = [_section(digest) for digest in loaded]
    manifests = [store.read_manifest(folder) for folder in runs]
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = shown
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    html, markdown = out / "report.html", out / "report.md"
    html.write_text(page.render(sections=sections, manifests=manifests), encoding="utf-8")
    markdown.write_text(_markdown(sections, manifests), encoding="utf-8")
    return [html, markdown]


def conclusions(loaded: Sequence[digests.Digest]) -> list[str]:
    """Return the sentences that a run ends with."""
    lines = []
    for digest in loaded:
        name = digest.suite.name
        if (worst := digests.worst_ratio(digest)) is not None and len(digest.cells):
            number = sum(1 for row in digests.summary(digest) if row.get("ratio"))
            lines.append(
                f"{name}: measured contraction over the predicted rate, {number} cells; the worst is "
                f"{worst['ratio']:.6f} ({worst['solver']} on {worst['game']})"
            )
        if name == "published":
            agree = sum(row["verdict"].startswith("agrees") for row in digest.rows)
            lines.append(f"published: {agree} of {len(digest.rows)} figures agree")
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
        for title, rows in (("profiles", digests.profile(digest)), ("cells", digests.summary(digest)))
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
        groups = list(digest.points.groupby("game", sort=False))[:FIGURES]
        figures += [(about.get(str(name), ""), pictures.curves(points, str(name))) for name, points in groups]
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
