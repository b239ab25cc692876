"""The command: ``python -m benchmarks list | run SUITE ... | report RUN ... | merge RUN ... | compare RUN RUN``.

``run`` runs suites of games and solvers into a folder, cell by cell. ``python -m benchmarks MEASUREMENT`` prints a
table and writes it to ``benchmarks/results``; ``run images`` means the same as ``images``.
"""

import argparse
import importlib
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import measurements, report
from benchmarks.races.schema import AXES


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    names = list(itertools.takewhile(lambda word: not word.startswith("-"), argv[1:]))
    if argv[:1] == ["run"] and names and set(names) <= measurements.NAMES.keys():
        return max(main([name, *argv[1 + len(names) :]]) for name in names)
    arguments = _parser(argv[:1]).parse_args(argv)
    if arguments.command in measurements.NAMES:
        module = importlib.import_module(f"benchmarks.measurements.{arguments.command}")
        return module.main(arguments, report.command(argv))
    from benchmarks.races import commands, store  # here, so that measurements need no pandas

    try:
        return commands.COMMANDS[arguments.command](arguments, report.command(argv))
    except store.StoreError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nbenchmarks: interrupted. The same command with --resume continues.", file=sys.stderr)
        return 130


def _parser(wanted: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary in measurements.NAMES.items():
        measurement = commands.add_parser(name, help=summary, description=summary)
        if name in wanted:  # the other modules are not imported
            measurement.add_argument("--repeats", type=int, default=11, help="rounds of interleaved timings")
            measurement.add_argument("--out", type=Path, default=report.RESULTS, help="folder of the results")
            for option, settings in importlib.import_module(f"benchmarks.measurements.{name}").OPTIONS.items():
                measurement.add_argument(f"--{option}", **settings)
    commands.add_parser("list", help="list the suites with their games and solvers")
    add = commands.add_parser("run", help="run suites into a folder").add_argument
    add("names", nargs="+", metavar="SUITE", help="see list")
    add("--device", default="cpu", choices=("cpu", "gpu", "all"))
    add("--solvers", nargs="+", metavar="NAME", help="only these solvers")
    add("--games", nargs="+", metavar="NAME", help="only these games, or rows of a table")
    add("--budget", type=_positive, help="fields and products per run (default: the suite's)")
    add("--seeds", type=_positive, help="test starts of every cell (default: as many as fill the device)")
    add("--x64", action="store_true", help="compute in float64 in all suites")
    add("--out", type=Path, metavar="FOLDER", help="output folder (default: runs/<time>-benchmarks)")
    add("--resume", action="store_true", help="continue the run in --out, or the newest one")
    add = commands.add_parser("report", help="write report.html and report.md of runs").add_argument
    add("runs", nargs="+", type=Path, metavar="RUN")
    add("--out", type=Path, metavar="FOLDER", help="output folder (default: the first run)")
    add("--axis", default="spent", choices=AXES, help="compare at equal amounts of this (default: %(default)s)")
    add("--record", action="store_true", help="write conclusions and profiles to benchmarks/results too")
    add = commands.add_parser("merge", help="copy the cells of runs into one folder").add_argument
    add("runs", nargs="+", type=Path, metavar="RUN")
    add("--out", type=Path, metavar="FOLDER", required=True)
    add = commands.add_parser("compare", help="list the differences between two runs, timings apart").add_argument
    add("runs", nargs=2, type=Path, metavar="RUN")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text}")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
