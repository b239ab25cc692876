"""Declarations: what the registry, the documentation and the comparisons know of a solver."""

import dataclasses
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, ParamSpec

from gamesolve.solver import Solver
from gamesolve.transforms import rates

P = ParamSpec("P")


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of one step, in evaluations of the whole field and products with its Jacobian.

    A product with one block of the Jacobian, on or off the diagonal, counts as its share of a vjp: half for two
    players. An inner solve counts as one cycle; GMRES takes one more product for each further cycle of twenty
    iterations. Methods that look at losses are counted on a zero-sum game, whose losses are one function.

    Attributes:
        fields: field evaluations, each about one gradient of every payoff.
        jvps: products J t.
        vjps: products J^T s.
        jvps_per_iteration: products J t per iteration of the inner solve.
        vjps_per_iteration: products J^T s per iteration of the inner solve.
    """

    fields: float = 1.0
    jvps: float = 0.0
    vjps: float = 0.0
    jvps_per_iteration: float = 0.0
    vjps_per_iteration: float = 0.0

    def products(self, iterations: float = 0.0) -> float:
        """Return the total number of fields and products in a step whose inner solve takes ``iterations``."""
        return self.fields + self.jvps + self.vjps + iterations * (self.jvps_per_iteration + self.vjps_per_iteration)


@dataclasses.dataclass(frozen=True)
class SolverEntry:
    """A named solver with its formula, paper and cost, for comparisons and tables.

    Attributes:
        name: name of the solver, the same as in ``gamesolve``.
        make: constructor; its first argument is the step size, or the inner solver.
        formula: one step, in the notation of the documentation.
        paper: authors and year of the source.
        cost: cost of one step.
        arguments: further arguments that comparisons use.
        inner: for a wrapper: constructor of the inner solver from a step size. Default: None.
        rated: whether a single step has a fixed linear rate at an equilibrium, which `analysis.rate` predicts. False
            for steps that adapt, anchors that fade, moments that vanish, periods, mixtures and averages.
    """

    name: str
    make: Callable[..., Solver]
    formula: str
    paper: str
    cost: Cost
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inner: Callable[[rates.Rates], Solver] | None = None
    rated: bool = True

    @property
    def family(self) -> str:
        """Family of the solver, the name of the module of `gamesolve.solvers` that defines it."""
        return self.make.__module__.rpartition(".")[2]

    def build(self, learning_rate: rates.Rates, **arguments: object) -> Solver:
        """Return the solver that comparisons use at this step size; ``arguments`` override the entry's."""
        first = self.inner(learning_rate) if self.inner else learning_rate
        return self.make(first, **{**self.arguments, **arguments})


def declare(
    *,
    formula: str,
    paper: str,
    cost: Cost,
    arguments: Mapping[str, Any] | None = None,
    inner: Callable[[rates.Rates], Solver] | None = None,
    rated: bool = True,
) -> Callable[[Callable[P, Solver]], Callable[P, Solver]]:
    """Declare a function as a named solver; the arguments are those of `SolverEntry`.

    The function keeps its signature and carries the entry; `entries` collects those of a family. The name also belongs
    in the ``__all__`` of the family's file.
    """

    def decorate(make: Callable[P, Solver]) -> Callable[P, Solver]:
        vars(make)["entry"] = SolverEntry(make.__name__, make, formula, paper, cost, arguments or {}, inner, rated)
        return make

    return decorate


def entries(family: ModuleType) -> list[SolverEntry]:
    """Return the declared solvers of a family, in the order of its file."""
    return [vars(member)["entry"] for name, member in vars(family).items() if name in family.__all__]
