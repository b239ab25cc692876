"""What the registry holds of a solver."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from gamesolve.solver import Solver


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one step costs, in evaluations of the whole field and products with its Jacobian.

    A product with one block, off the diagonal or on it, counts as the share of a vjp that it is: half for two players.
    An inner solve counts as one cycle; GMRES takes a product more for each further one of twenty iterations. Methods
    that look at losses count for a zero-sum game, whose losses are one function.

    Attributes:
        fields: fields, each about one gradient of every payoff.
        jvps: products J t.
        vjps: products J^T s.
        jvps_per_iteration: products J t in each iteration of the inner solve.
        vjps_per_iteration: products J^T s in each iteration of the inner solve.
    """

    fields: float = 1.0
    jvps: float = 0.0
    vjps: float = 0.0
    jvps_per_iteration: float = 0.0
    vjps_per_iteration: float = 0.0

    def products(self, iterations: float = 0.0) -> float:
        """Return how many fields and products a step takes in all, with so many iterations of the inner solve."""
        return self.fields + self.jvps + self.vjps + iterations * (self.jvps_per_iteration + self.vjps_per_iteration)


@dataclasses.dataclass(frozen=True)
class SolverEntry:
    """A named solver.

    Attributes:
        name: its name, the same as in ``gamesolve``.
        make: its constructor; the first argument is the step size, or the inner solver.
        formula: one step, in the notation of the documentation.
        paper: where it comes from.
        cost: what a step of it costs.
        arguments: the other arguments that comparisons use.
        inner: for a solver around another one: what makes that one of a step size.
        rated: whether its step, one by one, has a fixed linear rate at an equilibrium, as `analysis.rate` predicts it;
            not so where steps adapt, pulls fade, moments vanish, mixtures and averages run along, or periods pass.
    """

    name: str
    make: Callable[..., Solver]
    formula: str
    paper: str
    cost: Cost
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    inner: Callable[[Any], Solver] | None = None
    rated: bool = True

    def build(self, learning_rate: Any, **arguments: Any) -> Solver:
        """Return the solver that comparisons use at this step size, with other ``arguments`` where they are given."""
        first = self.inner(learning_rate) if self.inner else learning_rate
        return self.make(first, **{**self.arguments, **arguments})
