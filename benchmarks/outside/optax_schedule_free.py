"""Schedule-free gradient descent: gradients at an average of the steps."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def schedule_free(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.contrib.schedule_free_sgd(learning_rate)


METHOD = SolverEntry(
    "optax-schedule-free",
    schedule_free,
    "gradients at an average of the steps",
    "optax.contrib.schedule_free_sgd",
    Cost(),
    rated=False,
)
