"""Measure each combination of loss, regulariser and optimiser on images after a few updates, at its best step size."""

import argparse
import itertools
from collections.abc import Iterator

from benchmarks import report
from benchmarks.images import halving
from benchmarks.images.pictures import label
from benchmarks.images.training import scene
from benchmarks.measurements import images
from benchmarks.report import Row

# Settings of the later rounds keep their defaults, so that `images` goes on from the same folder.
LATER = {
    "seeds": images.OPTIONS["seeds"]["default"],
    "finalists": images.OPTIONS["finalists"]["default"],
    "quick": False,
}
OPTIONS = {name: settings for name, settings in images.OPTIONS.items() if name not in LATER}


def main(arguments: argparse.Namespace, command: str) -> int:
    """Run the first round of `images`, one table for each data set and kind of networks; returns the exit code."""
    settings = argparse.Namespace(**vars(arguments), **LATER)
    for name, networks in itertools.product(arguments.data, arguments.networks):
        plan = images.planned(settings, name, networks)
        words = {"name": f"{name}, {networks}", "batch": str(arguments.batch), "updates": str(plan.screening)}
        rows = lambda arguments, name=name, networks=networks, plan=plan: _rows(name, networks, plan, arguments)
        about = images.suffix(arguments, name, networks)
        report.measure("screening", rows, arguments, command, about=about, words=lambda _, words=words: words)
    return 0


def _rows(name: str, networks: str, plan: halving.Plan, arguments: argparse.Namespace) -> Iterator[Row]:
    """Yield the combinations, the best first; the rounds after the first are not computed."""
    found: list[Row] = []
    first = halving.rounds(scene(name, networks, arguments.batch), plan)
    for _, choice, result in itertools.islice(first, len(plan.choices)):
        print(f"{label(choice)}: {result['distance']}", flush=True)
        found.append(choice._asdict() | result)
    yield from sorted(found, key=lambda row: (row["distance"] is None, row["distance"]))
