"""Gradient descent with the usual heavy-ball momentum of 0.9."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def momentum(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.sgd(learning_rate, momentum=0.9)


METHOD = SolverEntry("optax-momentum", momentum, "z + E m, m = 0.9 m + v", "optax.sgd, momentum 0.9", Cost())
