"""Declare the solvers that `recommend` proposes, each with the hyperparameters that it searches.

Hyperparameters are searched in units that fit the game, see `Scales`: a step size of 1 unit is the reciprocal of the
Lipschitz constant of the field.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import optax

from gamesolve import solvers, transforms
from gamesolve.driving.sets import Projections
from gamesolve.linear import DENSE_LIMIT
from gamesolve.solver import Solver, as_solver, parametric
from gamesolve.solvers.entry import Cost, SolverEntry
from gamesolve.transforms import rates
from gamesolve.transforms.turns import alternating, per_player

# Significant digits of the hyperparameters of a recommended solver.
DIGITS = 4


@parametric
def adam(learning_rate: float, b1: float = 0.9) -> optax.GradientTransformation:
    """Make optax's Adam, as a pytree of its hyperparameters."""
    return optax.adam(learning_rate, b1)


@parametric
def chain(*transformations: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Make optax's chain, as a pytree of its parts."""
    return optax.with_extra_args_support(optax.chain(*transformations))


class Scales(NamedTuple):
    """Units of a game's hyperparameters.

    Attributes:
        lipschitz: Lipschitz constant of the field.
        length: typical distance between the start and the equilibrium in one parameter.
    """

    lipschitz: float
    length: float

    def of(self, unit: str) -> float:
        """Return the size of a unit: "step", "square" (of a step), "length" or "one"."""
        return {"step": 1 / self.lipschitz, "square": self.lipschitz**-2, "length": self.length, "one": 1.0}[unit]


class Axis(NamedTuple):
    """A hyperparameter.

    Attributes:
        values: values with which a search begins, in units.
        unit: unit of the values, see `Scales.of`. Default: none.
        low: smallest value, in units. Default: 0.
        high: largest value, in units. Default: no limit.
        logarithmic: whether a search moves by factors and not by differences. Default: True.
    """

    values: tuple[float, ...]
    unit: str = "one"
    low: float = 0.0
    high: float = math.inf
    logarithmic: bool = True


@dataclasses.dataclass(frozen=True)
class Family:
    """A solver with the hyperparameters that are searched.

    Attributes:
        name: name of the solver.
        make: ``make(constraints, rates, *others)``; ``rates`` is a tuple with one step size per player, or one number
            if the solver is not ``separate``.
        cost: cost of a step.
        axes: the hyperparameters. The first one is the step size.
        rated: whether a step has a fixed linear rate at an equilibrium. Default: True.
        separate: whether each player may have its own step size. Default: True.
        any_zero: whether the solver may also converge to an unstable equilibrium, which no player wants.
            Default: False.
        spectral: whether the eigenvalues of J decide the rate. Default: False.
        restless: whether its steps do not shrink with the field, so that a run may leave the equilibrium again.
            Default: False.
        pair: whether it is for two players only. Default: False.
    """

    name: str
    make: Callable[..., optax.GradientTransformation]
    cost: Cost
    axes: tuple[Axis, ...]
    rated: bool = True
    separate: bool = True
    any_zero: bool = False
    spectral: bool = False
    restless: bool = False
    pair: bool = False

    def build(self, values: Any, number: int, constraints: Projections = None) -> Solver:
        """Return the solver for some players.

        Args:
            values: step size, ratio of player 0's step size to it, and the other hyperparameters.
            number: number of players.
            constraints: sets of the players. Default: none.
        """
        step, ratio, *others = values
        each = (step * ratio, *(step,) * (number - 1)) if self.separate else step
        return as_solver(self.make(constraints, each, *others))


def _steps(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(low * (high / low) ** (i / (count - 1)) for i in range(count))


STEPS = Axis(_steps(0.08, 3.0, 12), "step")
FINE = Axis(_steps(0.08, 3.0, 16), "step")
LONG = Axis(_steps(0.3, 50.0, 16), "step", high=100.0)
LENGTHS = Axis(_steps(0.002, 0.5, 12), "length")
WEIGHTS = Axis((0.3, 1.0, 3.0, 10.0), "step")
MOMENTA = Axis((-0.4, 0.0, 0.4, 0.75), low=-0.9, high=0.97, logarithmic=False)


def _cost(solver: Callable[..., Solver]) -> Cost:
    entry: SolverEntry = vars(solver)["entry"]
    return entry.cost


def _plain(solver: Callable[..., Solver]) -> Callable[..., optax.GradientTransformation]:
    """Return a maker that projects after each step if there are constraints."""

    def make(constraints: Projections, *values: Any) -> optax.GradientTransformation:
        made = solver(*values)
        return made if constraints is None else chain(made, transforms.project(constraints))

    return make


def _within(solver: Callable[..., Solver]) -> Callable[..., optax.GradientTransformation]:
    """Return a maker of a solver that takes projections itself."""
    return lambda constraints, rate: solver(rate, projections=constraints)


def _adams(arrange: Callable[..., Solver]) -> Callable[..., Solver]:
    return lambda each, b1: arrange(*(adam(rate, b1) for rate in each))


def _anderson(each: rates.Rates) -> Solver:
    return solvers.anderson(solvers.simgd(each), depth=5)


def _extragradient(constraints: Projections, each: tuple[Any, ...], factor: Any) -> Solver:
    trial = tuple(factor * rate for rate in each)
    return solvers.extragradient(each, trial, constraints)


def _restarted_pdhg(constraints: Projections, each: tuple[Any, ...]) -> Solver:
    return solvers.restarted(solvers.pdhg(each, projections=constraints))


def _ogda(each: tuple[Any, ...], factor: Any) -> Solver:
    return solvers.ogda(each, tuple(factor * rate for rate in each))


_TRIALS = Axis((0.7, 1.0, 1.7, 3.0))
_B1 = Axis((0.0, 0.3, 0.6, 0.9), low=0.0, high=0.99, logarithmic=False)

# Solvers that keep players in sets; the others only serve games without constraints. Methods that converge to any zero
# of the field, such as Newton's, are left out: the zero need not be at any player's maximum.
SETS = (
    Family("extragradient", _extragradient, Cost(fields=2), (STEPS, _TRIALS), spectral=True),
    Family("simgd", _plain(solvers.simgd), Cost(), (STEPS, MOMENTA), spectral=True),
    Family("forward_reflected_backward", _within(solvers.forward_reflected_backward), Cost(), (FINE,)),
    Family("restarted pdhg", _restarted_pdhg, Cost(fields=1 + 1 / 40), (FINE,), rated=False, pair=True),
    Family("golden_ratio", _within(solvers.golden_ratio), Cost(), (FINE,), rated=False, separate=False),
    Family("adam", _plain(_adams(per_player)), Cost(), (LENGTHS, _B1), rated=False, restless=True),
)
FREE = (
    Family("anderson", _plain(_anderson), Cost(), (FINE,), rated=False, any_zero=True, spectral=True),
    Family("extragradient", _extragradient, Cost(fields=2), (STEPS, _TRIALS), spectral=True),
    Family("simgd", _plain(solvers.simgd), Cost(), (STEPS, MOMENTA), spectral=True),
    Family("ogda", _plain(_ogda), Cost(), (STEPS, Axis((0.3, 0.6, 1.0, 1.7))), spectral=True),
    Family("altgd", _plain(solvers.altgd), Cost(), (STEPS, MOMENTA)),
    Family("conopt", _plain(solvers.conopt), _cost(solvers.conopt), (STEPS, WEIGHTS), any_zero=True),
    Family("cgd", _plain(solvers.cgd), _cost(solvers.cgd), (LONG,)),
    Family("proximal", _plain(solvers.proximal), _cost(solvers.proximal), (LONG,), any_zero=True),
    Family("adam", _plain(_adams(per_player)), Cost(), (LENGTHS, _B1), rated=False, restless=True),
    Family("alternating adam", _plain(_adams(alternating)), Cost(), (LENGTHS, _B1), rated=False, restless=True),
)


def candidates(
    players: int, constrained: bool, unknowns: int, unstable: bool, names: Sequence[str] | None
) -> tuple[Family, ...]:
    """Return the families for a game.

    Args:
        players: number of players.
        constrained: whether the players live in sets.
        unknowns: number of parameters. Above `DENSE_LIMIT` the proximal step solves by iterations, dozens per step.
        unstable: whether the equilibrium that was found is unstable.
        names: names of the families, or None for all.

    Raises:
        TypeError: if ``names`` is a string.
        ValueError: if a name is unknown, or there is none.
    """
    pool = {family.name: family for family in (SETS if constrained else FREE)}
    if isinstance(names, str):
        raise TypeError(f"solvers must be a list of names, got {names!r}. Pass [{names!r}].")
    if names is not None and not names:
        raise ValueError(f"solvers must be some of {', '.join(pool)}, got none. Leave it out to choose from all.")
    if unknown := [name for name in names or () if name not in pool]:
        raise ValueError(f"solvers must be some of {', '.join(pool)}, got {unknown[0]!r}.")
    kept = [family for name, family in pool.items() if (names is None or name in names)]
    kept = [family for family in kept if players == 2 or not family.pair]
    small = unknowns <= DENSE_LIMIT
    return tuple(
        family for family in kept if (small or family.name != "proximal") and not (unstable and family.any_zero)
    )


def written(value: Any) -> str:
    """Return a solver, or an argument of one, as Python."""
    if isinstance(value, Solver):
        module, name = value.factory.__module__, value.factory.__name__
        prefix = {__name__: "optax.", transforms.project.__module__: "gs.transforms."}.get(module, "gs.")
        return f"{prefix}{name}({', '.join(_arguments(value))})"
    if isinstance(value, tuple):
        each = list(map(written, value))
        equal = len({*each}) == 1 and isinstance(value[0], float)  # one step size for all players
        return each[0] if equal else f"({', '.join(each)})"
    if callable(value):
        name = getattr(value, "__name__", "")
        return name if name.isidentifier() else "constraints"
    return f"{float(value):.{DIGITS}g}" if isinstance(value, float) or hasattr(value, "dtype") else repr(value)


def _arguments(solver: Solver) -> list[str]:
    """Return the arguments of a solver that are not defaults, the first one without its name."""
    words = []
    for parameter in inspect.signature(solver.factory).parameters.values():
        value = solver.arguments[parameter.name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            words += map(written, value)
        elif not _is_default(value, parameter):
            words.append(written(value) if not words else f"{parameter.name}={written(value)}")
    return words


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    """Return whether an argument need not be written: it is the default, or a momentum of zero, which is none."""
    if parameter.name == "momentum" and isinstance(value, float) and value == 0:
        return True
    return value is parameter.default or (not isinstance(value, tuple) and value == parameter.default)


def rounded(solver: Solver) -> Solver:
    """Return a solver with its numbers rounded to `DIGITS` digits, as they are written."""
    return jax.tree.map(lambda leaf: float(f"{float(leaf):.{DIGITS}g}"), solver)
