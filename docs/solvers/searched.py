"""The table of the page on adaptive step sizes: field evaluations of the line search at three scales of the payoffs."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gamesolve as gs

SCALES, STEPS, BUDGET, GOAL = (1e-3, 1.0, 1e3), np.logspace(-2, 1, 13), 20_000, 1e-6
RNG = np.random.default_rng(0)
COUPLING, FAR = RNG.normal(size=(5, 5)), tuple(RNG.normal(size=(2, 5)))
BEATS = np.array([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])


class Problem(NamedTuple):
    """A payoff of player 1, the start, and the projection of each player."""

    payoff: Callable[..., jax.Array]
    start: tuple
    projection: Callable | None = None


PROBLEMS = {
    "bilinear": Problem(lambda x, y: x @ COUPLING @ y, FAR),
    "quadratic": Problem(lambda x, y: x @ x / 20 + x @ COUPLING @ y - y @ y / 200, FAR),
    "quartic": Problem(lambda x, y: x**4 / 4 + x * y - y**4 / 4, (3.0, -2.0)),
    "not monotone": Problem(lambda x, y: jnp.log1p(x**2) / 2 + x * y - jnp.log1p(y**2) / 2, (3.0, -2.0)),
    "rock, paper, scissors": Problem(
        lambda x, y: x @ BEATS @ y,
        (np.array([0.8, 0.1, 0.1]), np.array([0.3, 0.3, 0.4])),
        optax.projections.projection_simplex,
    ),
}


def table() -> None:
    """Print the number of fields until the norm of the field is 1e-6 of the scale, in float64."""
    print(f"{'fields at scale':24}", *(f"{scale:>8g}" for scale in SCALES), f"{'tuned':>8}")  # noqa: T201
    with jax.enable_x64(True):
        for name, problem in PROBLEMS.items():
            searched = [_searched(problem, scale) for scale in SCALES]
            print(f"{name:24}", *(f"{fields:8}" for fields in searched), f"{_tuned(problem):8}")  # noqa: T201


def _solved(problem: Problem, solver: gs.Solver, scale: float) -> gs.Solution:
    payoff = lambda x, y, c: c * problem.payoff(x, y)
    game = gs.zero_sum(payoff, constants=(jnp.asarray(scale),))
    return gs.solve(game, solver, problem.start, BUDGET, tol=GOAL * scale)


def _searched(problem: Problem, scale: float) -> int:
    """Return the number of fields of the line search."""
    solution = _solved(problem, gs.adaptive_extragradient(projections=problem.projection), scale)
    return int(optax.tree.get(solution.state, "fields"))


def _tuned(problem: Problem) -> int:
    """Return the number of fields of extragradient at scale 1, with the best step size."""
    ends = [_solved(problem, gs.extragradient(step, projections=problem.projection), 1.0) for step in STEPS]
    return min(2 * int(end.steps) for end in ends if end.status == gs.Status.CONVERGED)


if __name__ == "__main__":
    table()
