"""Declare optax's rules as solvers of a comparison, and keep solvers in the sets of a game."""

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import optax

from gamesolve import transforms
from gamesolve.compare.problem import Problem
from gamesolve.driving.sets import Projection, Projections
from gamesolve.solver import Solver, parametric
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.transforms import rates
from gamesolve.transforms.turns import alternating, for_each, per_player

# Rules of optax, with their papers.
PAPERS = {
    "adam": "Kingma, Ba 2015",
    "amsgrad": "Reddi, Kale, Kumar 2018",
    "adabelief": "Zhuang et al. 2020",
    "nadam": "Dozat 2016",
    "rmsprop": "Tieleman, Hinton 2012",
    "adagrad": "Duchi, Hazan, Singer 2011",
    "lion": "Chen et al. 2023",
}
# What a name begins with if the players move in turn.
IN_TURN = "alternating-"
# Solvers without momentum that are a rule of optax for each player, whose moves can be projected.
PLAIN = {"simgd": per_player, "altgd": alternating}


def _rule(make: Callable[..., optax.GradientTransformation], arrange: Callable[..., Solver]) -> Callable[..., Solver]:
    """Return a solver that gives each player a rule of optax, projected onto the player's set."""

    @parametric
    def rule(learning_rate: rates.Rates, projections: Projections = None) -> optax.GradientTransformationExtraArgs:
        def build(players: int) -> optax.GradientTransformationExtraArgs:
            each = zip(rates.spread(learning_rate, players), _spread(projections, players), strict=True)
            return arrange(*(make(rate) if one is None else _projected(make(rate), one) for rate, one in each))

        return for_each(build)

    return rule


def _projected(rule: optax.GradientTransformation, projection: Projection) -> optax.GradientTransformation:
    return optax.chain(rule, transforms.project(projection))


def _spread(projections: Projections, players: int) -> tuple[Projection | None, ...]:
    return projections if isinstance(projections, tuple) else (projections,) * players


def _declared(name: str, arrange: Callable[..., Solver]) -> SolverEntry:
    turns = arrange is alternating
    formula = f"optax.{name} of {'v_i(newest z), i in turn' if turns else 'v'}"
    full = f"{IN_TURN * turns}{name}"
    return SolverEntry(full, _rule(getattr(optax, name), arrange), formula, PAPERS[name], Cost(), rated=False)


# Rules of optax as solvers, by name: all players at once, or in turn.
RULES: dict[str, SolverEntry] = {
    entry.name: entry for name in PAPERS for entry in (_declared(name, per_player), _declared(name, alternating))
}


def suited(problem: Problem, entry: SolverEntry) -> SolverEntry:
    """Return the form of a solver that keeps the players in their sets, and looks at all data if it reduces variance.

    Args:
        problem: the game.
        entry: the solver.

    Raises:
        ValueError: if the solver has no form for sets, or needs data that the game does not have.
    """
    make: Callable[..., Any] = entry.make
    if problem.noise is not None and "full" in inspect.signature(make).parameters:
        if problem.noise.error:  # the mean of many draws would be a step's cost many times
            raise ValueError("it needs a game that is bound to all of its data")
        entry = dataclasses.replace(entry, arguments={"full": None, **entry.arguments})
    if problem.constraints is None:
        return entry
    if entry.name in PLAIN and not entry.arguments:
        make = _rule(optax.sgd, PLAIN[entry.name])
    elif "projections" not in inspect.signature(make).parameters:
        raise ValueError("it has no form for sets")
    return dataclasses.replace(entry, make=make, arguments={**entry.arguments, "projections": problem.constraints})
