"""RMSProp: gradients divided by the root of their mean square."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def rmsprop(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.rmsprop(learning_rate)


METHOD = SolverEntry(
    "optax-rmsprop", rmsprop, "v over the root of its mean square", "optax.rmsprop", Cost(), rated=False
)
