"""Published figures beside those measured here, row by row, with a verdict."""

import functools
from typing import Any

from benchmarks import published
from benchmarks.published import gans
from benchmarks.suite import Settings, Tables


def _rows(name: str, settings: Settings) -> list[dict[str, Any]]:
    source, claims = published.ROWS[name]
    # With a budget of as many steps as were published, so many are taken.
    whole = name == "G18" and (settings.budget or 0) >= gans.LONG["steps"]
    return [
        {
            "row": name,
            "source": source,
            "quantity": claim.quantity,
            "published": claim.published,
            "measured": claim.measured,
            "verdict": ("agrees" if claim.holds else "DIFFERS") + (f" ({claim.note})" if claim.note else ""),
        }
        for claim in (gans.g18(gans.LONG) if whole else claims())
    ]


SUITE = Tables(
    "published",
    "Do the figures and tables of the papers come out again?",
    {name: functools.partial(_rows, name) for name in published.ROWS},
    x64=True,
)
