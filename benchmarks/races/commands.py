"""The commands on suites and their runs: list, run, report, merge and compare."""

import argparse
import datetime
from pathlib import Path

from tqdm import tqdm

from benchmarks import measurements, report, suites
from benchmarks.races import digest, pages, runner, store
from benchmarks.suites.suite import Race, Settings


def show(arguments: argparse.Namespace, command: str) -> int:
    """List the suites with their games and solvers, and the measurements."""
    del arguments, command
    for suite in map(suites.load, suites.NAMES):
        print(f"{suite.name}: {suite.question}")
        if isinstance(suite, Race):
            print("\n".join(f"  {game.name:20}{game.summary}" for game in suite.games))
            print(f"  solvers: {', '.join(suite.solvers)}\n")
        else:
            print(f"  tables: {', '.join(suite.tasks)}\n")
    print("measurements with their own options (python -m benchmarks NAME --help):")
    print("\n".join(f"  {name:20}{summary}" for name, summary in measurements.NAMES.items()))
    return 0


def run(arguments: argparse.Namespace, command: str) -> int:
    """Run suites into a folder, report on them and print their conclusions."""
    for name in arguments.names:
        if name in measurements.NAMES:
            raise store.StoreError(f"no suite of games is named {name}: it has its own options. Run it alone.")
        if name not in suites.NAMES:
            raise store.StoreError(f"no suite of games is named {name}. Known: {', '.join(suites.NAMES)}.")
    folder = arguments.out or (_newest() if arguments.resume else _unused())
    listed = {
        name: words and tuple(words) for name, words in (("solvers", arguments.solvers), ("games", arguments.games))
    }
    settings = Settings(arguments.budget, arguments.seeds, arguments.x64, device=arguments.device, **listed)
    total, kept = len(runner.plan(arguments.names, settings)), 0
    with tqdm(total=total, disable=None, unit="cell") as bar:
        for cell, done in runner.run(folder, arguments.names, settings, command, arguments.resume):
            bar.set_description(f"{cell.suite.name} {cell.game} {cell.solver}", refresh=True)
            bar.update()
            kept += done
    if kept:
        print(f"{kept} of {total} cells had been finished before")
    loaded = digest.load([folder])
    for each in loaded:
        if each.suite.name == "published":
            print(f"\n{pages.text([{key: row[key] for key in row if key != 'source'} for row in each.rows])}")
    paths = pages.write([folder], folder)
    print("\n".join(["", *pages.conclusions(loaded), f"written: {', '.join(map(str, paths))}"]))
    return 0


def write_report(arguments: argparse.Namespace, command: str) -> int:
    """Write the report of runs."""
    del command
    for path in pages.write(arguments.runs, arguments.out or arguments.runs[0], arguments.axis):
        print(path)
    if arguments.record:
        pages.record(arguments.runs, report.RESULTS)
    return 0


def merge(arguments: argparse.Namespace, command: str) -> int:
    """Copy the cells of runs into one folder."""
    del command
    print(f"{runner.merge(arguments.runs, arguments.out)} cells in {arguments.out}")
    return 0


def compare(arguments: argparse.Namespace, command: str) -> int:
    """List the differences between two runs; the exit code is 1 if there are any."""
    del command
    rows, differ = digest.differences(*arguments.runs)
    print("\n".join([pages.text(rows), "", f"{len(differ)} cells differ in more than their timings", *differ]))
    return int(bool(differ))


COMMANDS = {"list": show, "run": run, "report": write_report, "merge": merge, "compare": compare}


def _unused() -> Path:
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{stamp}-benchmarks"


def _newest() -> Path:
    found = sorted(Path("runs").glob("*-benchmarks"))
    if not found:
        raise store.StoreError("there is no run in runs/ to continue. Give its folder as --out.")
    return found[-1]
