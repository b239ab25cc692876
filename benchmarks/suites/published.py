"""Published figures beside those measured here, row by row, with a verdict."""

import functools
from typing import Any

from benchmarks import published
from benchmarks.published import gans
from benchmarks.suites.suite import Settings, Tables


def _rows(name: str, settings: Settings) -> list[dict[str, Any]]:
    source, claims = published.ROWS[name]
    budget = settings.budget or 0
    # With a budget as large as the published one, the whole experiment is run.
    whole = {
        "G16": (gans.PASSES, lambda: gans.g16(gans.PASSES)),
        "G18": (gans.LONG["steps"], lambda: gans.g18(gans.LONG)),
    }
    if name in whole and budget >= whole[name][0]:
        claims = whole[name][1]
    return [
        {
            "row": name,
            "source": source,
            "quantity": claim.quantity,
            "published": claim.published,
            "measured": claim.measured,
            "verdict": ("agrees" if claim.holds else "DIFFERS") + (f" ({claim.note})" if claim.note else ""),
        }
        for claim in claims()
    ]


SUITE = Tables(
    "published",
    "Do the figures and tables of the papers come out again?",
    {name: functools.partial(_rows, name) for name in published.ROWS},
    x64=True,
)
