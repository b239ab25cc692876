"""AdaBelief: Adam with the variance of the gradients as its second moment."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def adabelief(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.adabelief(learning_rate)


METHOD = SolverEntry("optax-adabelief", adabelief, "an AdaBelief step of v", "optax.adabelief", Cost(), rated=False)
