"""Optax's optimistic Adam, second version, at its defaults."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def optimistic_adam(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.optimistic_adam_v2(learning_rate)


METHOD = SolverEntry(
    "optax-optimistic-adam",
    optimistic_adam,
    "an Adam step of 2 v_t - v_(t-1)",
    "optax.optimistic_adam_v2",
    Cost(),
    rated=False,
)

SUITES = ("bilinear", "quadratic", "toy")
