"""Gradient descent with Nesterov's momentum of 0.9."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def nesterov(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.sgd(learning_rate, momentum=0.9, nesterov=True)


METHOD = SolverEntry("optax-nesterov", nesterov, "z + E (v + 0.9 m), m = 0.9 m + v", "optax.sgd, nesterov", Cost())
