"""Run the command ``gamesolve``: compare solvers on games, or recommend one.

``gamesolve compare`` prints a table per game and writes a folder per run: ``results.csv``, a figure per game, and
``manifest.json``, which holds everything that is needed to repeat the run and the meanings of the table's columns.
"""

import argparse
import contextlib
import itertools
import math
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import jax

import gamesolve
from gamesolve import compare, registry
from gamesolve.cli import endings, recommending, results, surroundings, tables
from gamesolve.cli.loading import CommandError, blaming, load_game
from gamesolve.compare.choices import RULES
from gamesolve.driving.compilation_cache import use_compilation_cache

T = TypeVar("T")

DEFAULT_GAMES = ("bilinear", "bilinear-10", "icr", "quadratic", "general-sum", "three-players")

DESCRIPTION = """\
Run solvers on games and compare them: whether each solver converges, its
measured and predicted rate, and the cost of its steps. Default: well-known
solvers on the bilinear and quadratic games of the catalogue."""

EXAMPLES = """\
examples:
  gamesolve compare
  gamesolve compare --games bilinear,icr --solvers altgd,cgd --lr 0.05
  gamesolve compare --games icr --lr 0.09,0.01     one step size per player
  gamesolve compare --games icr --tune --seeds 5   the best step size of each
  gamesolve compare my_game.py:game --start my_game.py:players
  gamesolve compare my_game.py:game --solvers ogda,adam,alternating-adam
  gamesolve compare my_game.py:game --sample my_game.py:sample
  gamesolve compare my_game.py:game --constraints my_game.py:sets
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: arguments of the command. Default: those of the process.

    Returns:
        Exit code, see `endings.ended`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:  # the process is the command's own
        if jax.__version_info__ >= (0, 10, 2):  # older versions print an error for each program that they load
            use_compilation_cache()
        endings.heed_signals()

    def command() -> int:
        options = _parser().parse_args(arguments)
        try:
            precision = jax.enable_x64(True) if options.x64 else contextlib.nullcontext()
            if options.command == "recommend":
                _progress(f"{options.target} ...")
                with precision:
                    recommending.run(options)
            elif options.list:
                print(tables.listing())
            else:
                with precision:
                    _compare(options, arguments)
        finally:
            _progress("")
        return 0

    return endings.ended("gamesolve", command, CommandError, "interrupted. Finished results have been written.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gamesolve", description="Differentiable games in JAX.")
    parser.add_argument("--version", action="version", version=f"gamesolve {gamesolve.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "compare",
        help="run solvers on games and compare them",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = compare.Settings()
    add = command.add_argument
    add("target", nargs="?", metavar="FILE:NAME", help="your game, or a function that returns it")
    add(
        "--start",
        metavar="FILE:NAME",
        help="starting players of your game, or a function that returns them (default: its game.start)",
    )
    add(
        "--games",
        nargs="+",
        metavar="NAME",
        help=f"games of the catalogue (default: {' '.join(DEFAULT_GAMES)})",
    )
    add("--solvers", nargs="+", metavar="NAME", help=f"solvers (default: {' '.join(registry.CORE)})")
    add("--steps", type=_count, default=defaults.steps, help="number of steps of each run (default: %(default)s)")
    add("--lr", type=_rates, default=defaults.learning_rate, help="step size, or a,b for one per player (default: 0.1)")
    add(
        "--seeds",
        type=_count,
        default=1,
        help="number of random starts; the table shows medians (default: the game's own start)",
    )
    add("--tune", action="store_true", help="search each solver's best step size first; --lr a,b gives their ratio")
    surroundings.add_arguments(command)
    add("--x64", action="store_true", help="compute in float64")
    add("--out", type=Path, metavar="FOLDER", help="output folder (default: runs/<time>-compare)")
    add("--list", action="store_true", help="list the games and solvers, and exit")
    advice = commands.add_parser(
        "recommend",
        help="recommend a solver for your game",
        description=recommending.DESCRIPTION,
        epilog=recommending.EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    recommending.add_arguments(advice, _count)
    return parser


def _compare(options: argparse.Namespace, arguments: list[str]) -> None:
    settings = compare.Settings(options.steps, options.lr, options.seeds, tune=options.tune)
    solvers = _named({**registry.SOLVERS, **RULES}, options.solvers, registry.CORE, "solver")
    names, problems = _own(options, settings) if options.target else _catalogue(options, settings)
    first = next(problems)  # most mistakes show here, before anything is written
    try:
        folder = results.make_folder(options.out, names)
    except OSError as error:
        raise CommandError(f"cannot write to {error.filename or options.out}: {error.strerror}.") from None
    with (
        results.manifest(folder, results.describe(arguments, settings, names, list(solvers))),
        results.open_table(folder) as write,
    ):
        for problem, summary in itertools.chain([first], problems):
            begun: list[compare.Begun] = []
            runs: list[compare.Run] = []
            try:
                for index, solver in enumerate(solvers.values()):
                    _progress(f"{problem.name}: {solver.name}, {index + 1} of {len(solvers)} solvers")
                    with blaming(options.target, f"{solver.name} failed on {problem.name}"):
                        begun.append(compare.begin(problem, solver, settings))
                for solver, last in zip(solvers.values(), begun, strict=True):
                    _progress(f"{problem.name}: timing the steps of {solver.name}")
                    with blaming(options.target, f"{solver.name} failed on {problem.name}"):
                        runs.append(last.timed())
            finally:  # if one fails, the others are kept without their times
                left = begun[len(runs) :]
                for last in left:
                    last.cancel()
                for run in [*runs, *(last.run for last in left)]:
                    write(run.row)
            _progress("")
            print(f"{tables.table(problem, summary, runs)}\n", flush=True)
            _progress(f"{problem.name}: figure")
            results.draw(problem, runs, folder)
    _progress("")
    files = ", ".join(sorted(path.name for path in folder.iterdir()))
    files = textwrap.fill(files, 100, initial_indent="  ", subsequent_indent="  ")
    print(f"{tables.LEGEND}\n\nwritten to {folder}:\n{files}")


def _catalogue(
    options: argparse.Namespace, settings: compare.Settings
) -> tuple[list[str], Iterator[tuple[compare.Problem, str]]]:
    if options.start:
        raise CommandError("--start needs a game in a file. Give one as my_game.py:game.")
    if options.sample or options.constraints:
        given = "--sample" if options.sample else "--constraints"
        raise CommandError(f"{given} needs a game in a file. Give one as my_game.py:game.")
    entries = _named(registry.GAMES, options.games, DEFAULT_GAMES, "game")

    def prepared() -> Iterator[tuple[compare.Problem, str]]:
        for entry in entries.values():
            _progress(f"{entry.name} ...")
            try:
                yield compare.prepare(entry.name, entry.make(), settings), entry.summary
            except ValueError as error:  # another number of step sizes than of players
                raise CommandError(str(error)) from None

    return list(entries), prepared()


def _own(
    options: argparse.Namespace, settings: compare.Settings
) -> tuple[list[str], Iterator[tuple[compare.Problem, str]]]:
    """Load and check the user's game, before anything is written."""
    if options.games:
        raise CommandError("--games selects games of the catalogue. Leave it out if you give a file.")
    _progress(f"{options.target} ...")
    name, game, start = load_game(options.target, options.start)
    around = surroundings.load(options)
    with blaming(options.target, f"{options.target} failed at its start"):
        problem = compare.prepare(name, game, settings, start, **around)
    return [name], iter([(problem, "your game")])


def _named(table: Mapping[str, T], wanted: Sequence[str] | None, default: Sequence[str], kind: str) -> dict[str, T]:
    """Return the requested entries of a registry; names are separated by commas or spaces."""
    names = default if wanted is None else [name for word in wanted for name in word.split(",") if name]
    if not names:
        raise CommandError(f"no {kind} given. Known: {', '.join(table)}.")
    if files := [name for name in names if ".py:" in name]:
        raise CommandError(f"{files[0]} was read as the name of a {kind}. Write it before the options.")
    try:
        return {name: registry.find(table, name, kind) for name in names}
    except ValueError as error:
        raise CommandError(str(error)) from None


def _progress(message: str) -> None:
    """Show progress on the last line of a terminal, in place of the previous message; "" clears the line."""
    if sys.stderr is None or sys.stderr.closed:
        return
    with contextlib.suppress(OSError):  # a terminal that was closed
        if sys.stderr.isatty():
            print(f"\r{message[:79].ljust(79)}\r{message[:79]}", end="", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text!r}")
    return value


def _rates(text: str) -> float | tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, or numbers separated by commas, got {text!r}") from None
    if not all(math.isfinite(value) and value >= 0 for value in values):
        raise argparse.ArgumentTypeError(f"step sizes must be finite and not negative, got {text!r}")
    return values[0] if len(values) == 1 else values
