"""The command: ``python -m benchmarks list | run SUITE ... | report RUN ... | merge RUN ... | compare RUN RUN``.

``run`` takes suites of games and solvers into a folder, cell by cell. ``python -m benchmarks MEASUREMENT`` prints a
table of its own and writes it to ``benchmarks/results``; ``run images`` means the same as ``images``.
"""

import argparse
import datetime
import importlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.races.schema import AXES

# Each measurement is a module with configure(parser) and main(arguments, command).
SUITES = {
    "overhead": "every solver through gamesolve.solve against a hand-written lax.scan",
    "running": "gs.run and checkpoints against gs.solve, sweeps against loops over single runs",
    "estimators": "unbiased consensus steps on minibatches against the biased one",
    "peers": "gamesolve against eager PyTorch and the PyTorch package cgds",
    "spectra": "leading eigenvalues of a GAN by the compiled Arnoldi iteration against scipy's ARPACK",
    "images": "optimisers and regularisers on digits and MNIST: score, distance, coverage, seconds",
}


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), argv[1:]))
    if argv[:1] == ["run"] and names and set(names) <= SUITES.keys():
        return max(main([name, *argv[1 + len(names) :]]) for name in names)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="suite", required=True, metavar="COMMAND")
    for name, summary in SUITES.items():
        suite = commands.add_parser(name, help=summary, description=summary)
        if argv[:1] == [name]:  # one module is imported, not all
            suite.add_argument("--repeats", type=int, default=11, help="rounds of interleaved timings")
            suite.add_argument("--out", type=Path, default=report.RESULTS, help="folder for the results")
            importlib.import_module(f"benchmarks.measurements.{name}").configure(suite)
    _configure(commands)
    arguments = parser.parse_args(argv)
    if arguments.suite in SUITES:
        return importlib.import_module(f"benchmarks.measurements.{arguments.suite}").main(
            arguments, report.command(argv)
        )
    from benchmarks.races import store  # here, so that measurements need no pandas

    try:
        return COMMANDS[arguments.suite](arguments, report.command(argv))
    except store.StoreError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbenchmarks: interrupted; the same command with --resume goes on.", file=sys.stderr)
        return 130


def _configure(commands: argparse._SubParsersAction) -> None:
    commands.add_parser("list", help="the suites with their games and solvers")
    run = commands.add_parser("run", help="run suites into a folder")
    add = run.add_argument
    add("names", nargs="+", metavar="SUITE", help="see list")
    add("--device", default="cpu", choices=("cpu", "gpu", "all"))
    add("--solvers", nargs="+", metavar="NAME", help="only these")
    add("--games", nargs="+", metavar="NAME", help="only these games, or rows of a table")
    add("--budget", type=_positive, help="what a run may spend, in fields and products (default: the suite's)")
    add("--seeds", type=_positive, help="test starts of every cell (default: as many as fill the device)")
    add("--x64", action="store_true", help="compute in float64 where a suite would not")
    add("--out", type=Path, metavar="FOLDER", help="where to write (default: runs/<time>-benchmarks)")
    add("--resume", action="store_true", help="go on with the run in --out, or with the newest one")
    page = commands.add_parser("report", help="write report.html and report.md of runs")
    page.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    page.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (default: the first run)")
    page.add_argument(
        "--axis", default="spent", choices=AXES, help="compare at equal amounts of this (default: %(default)s)"
    )
    page.add_argument("--record", action="store_true", help="keep conclusions and profiles in benchmarks/results too")
    merge = commands.add_parser("merge", help="put the cells of runs into one folder")
    merge.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    merge.add_argument("--out", type=Path, metavar="FOLDER", required=True)
    compare = commands.add_parser("compare", help="what differs between two runs, timings apart")
    compare.add_argument("runs", nargs=2, type=Path, metavar="RUN")


def _list(arguments: argparse.Namespace, command: str) -> int:
    from benchmarks import suites

    del arguments, command
    for name in suites.NAMES:
        suite = suites.load(name)
        print(f"{name}: {suite.question}")
        for game in getattr(suite, "games", ()):
            print(f"  {game.name:20}{game.summary}")
        names = getattr(suite, "solvers", None) or suite.tasks  # pyright: ignore
        print(f"  {'solvers' if hasattr(suite, 'solvers') else 'tables'}: {', '.join(names)}\n")
    print("measurements with options of their own (python -m benchmarks NAME --help):")
    for name, summary in SUITES.items():
        print(f"  {name:20}{summary}")
    return 0


def _run(arguments: argparse.Namespace, command: str) -> int:
    from tqdm import tqdm

    from benchmarks import suites
    from benchmarks.races import digest, pages, runner, store

    for name in arguments.names:
        if name not in suites.NAMES:
            hint = (
                "it has options of its own; run it alone" if name in SUITES else f"there are {', '.join(suites.NAMES)}"
            )
            raise store.StoreError(f"no suite of games is named {name}: {hint}.")
    folder = arguments.out or (_newest() if arguments.resume else _unused())
    settings = runner.settings_of(arguments)
    total = len(runner.plan(arguments.names, settings))
    bar = tqdm(total=total, disable=None, unit="cell")
    kept = 0
    with bar:
        for count, (cell, done) in enumerate(runner.run(folder, arguments.names, settings, command, arguments.resume)):
            bar.update(count - bar.n)
            bar.set_description(f"{cell.suite.name} {cell.game} {cell.solver}", refresh=True)
            kept += done
        bar.update(total - bar.n)
    if kept:
        print(f"{kept} of {total} cells had been finished before")
    loaded = digest.load([folder])
    for each in loaded:
        if each.suite.name == "published":
            print(f"\n{pages.text([{key: row[key] for key in row if key != 'source'} for row in each.rows])}")
    paths = pages.write([folder], folder)
    print("\n".join(["", *pages.conclusions(loaded), f"written: {', '.join(map(str, paths))}"]))
    return 0


def _report(arguments: argparse.Namespace, command: str) -> int:
    from benchmarks.races import pages

    del command
    for path in pages.write(arguments.runs, arguments.out or arguments.runs[0], arguments.axis):
        print(path)
    if arguments.record:
        pages.record(arguments.runs, report.RESULTS)
    return 0


def _merge(arguments: argparse.Namespace, command: str) -> int:
    from benchmarks.races import runner

    del command
    print(f"{runner.merge(arguments.runs, arguments.out)} cells in {arguments.out}")
    return 0


def _compare(arguments: argparse.Namespace, command: str) -> int:
    from benchmarks.races import digest, pages, store

    del command
    for folder in arguments.runs:
        store.read_manifest(folder)
    rows, differ = digest.differences(*arguments.runs)
    print(pages.text(rows))
    print("\n".join(["", f"{len(differ)} cells differ in more than their timings", *differ]))
    return int(bool(differ))


COMMANDS = {"list": _list, "run": _run, "report": _report, "merge": _merge, "compare": _compare}


def _unused() -> Path:
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"{stamp}-benchmarks"


def _newest() -> Path:
    from benchmarks.races import store

    found = sorted(Path("runs").glob("*-benchmarks"))
    if not found:
        raise store.StoreError("there is no run to go on with in runs/; give its folder as --out.")
    return found[-1]


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above zero")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
