"""Published figures beside those measured here, row by row, with a verdict."""

import functools

from benchmarks import published
from benchmarks.published import gans
from benchmarks.report import Row
from benchmarks.suites.suite import Settings, Tables

# With a budget as large as the published one, the whole experiment runs.
WHOLE = {
    "G16": (gans.PASSES, functools.partial(gans.g16, gans.PASSES)),
    "G18": (gans.LONG["steps"], functools.partial(gans.g18, gans.LONG)),
}


def _rows(name: str, settings: Settings) -> list[Row]:
    source, claims = published.ROWS[name]
    if name in WHOLE and (settings.budget or 0) >= WHOLE[name][0]:
        claims = WHOLE[name][1]
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
    "Do the figures and tables of the papers reproduce?",
    {name: functools.partial(_rows, name) for name in published.ROWS},
    x64=True,
)
