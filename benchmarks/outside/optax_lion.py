"""Lion: steps of equal size along the signs of averaged gradients."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def lion(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.lion(learning_rate, weight_decay=0.0)


METHOD = SolverEntry("optax-lion", lion, "the signs of an average of v", "optax.lion", Cost(), rated=False)
