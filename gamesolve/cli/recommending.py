"""Run the command ``gamesolve recommend``: recommend a solver for the user's game."""

import argparse
from pathlib import Path
from typing import Any

from gamesolve.advice import recommend
from gamesolve.cli import surroundings
from gamesolve.cli.loading import CommandError, blaming, load_game

DESCRIPTION = """\
Recommend a solver for your game. A short probe follows the flow to an
equilibrium and predicts how solvers behave there. The best of them then run on
the game. Costs count evaluations: fields and products with the Jacobian."""

EXAMPLES = """\
examples:
  gamesolve recommend my_game.py:game --start my_game.py:players
  gamesolve recommend my_game.py:game --sample my_game.py:sample --key 1
  gamesolve recommend my_game.py:game --constraints my_game.py:sets
  gamesolve recommend my_game.py:game --plot advice.png"""


def add_arguments(command: argparse.ArgumentParser, count: Any) -> None:
    """Add the options of the command; ``count`` reads a positive integer."""
    add = command.add_argument
    add("target", metavar="FILE:NAME", help="your game, or a function that returns it")
    add("--start", metavar="FILE:NAME", help="starting players (default: the game's own start)")
    surroundings.add_arguments(command)
    add("--budget", type=count, default=20_000, help="evaluations that may be spent (default: %(default)s)")
    add("--reach", type=_share, default=1e-3, help="factor by which ‖v‖ must fall (default: %(default)s)")
    add("--solvers", nargs="+", metavar="NAME", help="solvers to choose from (default: all)")
    add("--plot", type=Path, metavar="FILE", help="write a figure of the trials")
    add("--x64", action="store_true", help="compute in float64")


def run(options: argparse.Namespace) -> None:
    """Load the game, recommend a solver and print the table."""
    _, game, start = load_game(options.target, options.start)
    around = surroundings.load(options)
    with blaming(options.target, f"{options.target} failed"):
        advice = recommend(
            game,
            start,
            budget=options.budget,
            target=options.reach,
            solvers=options.solvers,
            **around,
        )
    print(advice)
    if options.plot and not advice.table:
        raise CommandError(f"cannot draw {options.plot}: no solver was tried.")
    if options.plot:
        figure: Any = advice.plot().figure
        try:
            figure.savefig(options.plot, bbox_inches="tight")
        except (OSError, ValueError) as error:
            raise CommandError(f"cannot write {options.plot}: {error}.") from None


def _share(text: str) -> float:
    """Read a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0 and below 1, got {text}")
    return value
