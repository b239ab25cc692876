"""Optax's optimistic gradient descent, the same as `gamesolve.ogda`."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def optimistic(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.optimistic_gradient_descent(learning_rate)


METHOD = SolverEntry(
    "optax-optimistic", optimistic, "z + E (2 v_t - v_(t-1))", "optax.optimistic_gradient_descent", Cost()
)

SUITES = ("bilinear", "quadratic", "toy")
