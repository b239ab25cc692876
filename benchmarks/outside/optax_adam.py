"""Adam, the usual optimiser of networks, for all players at once."""

import optax

import gamesolve as gs
from gamesolve.solvers.entry import Cost, SolverEntry


@gs.parametric
def adam(learning_rate: float) -> optax.GradientTransformation:
    """Make the rule."""
    return optax.adam(learning_rate)


METHOD = SolverEntry("optax-adam", adam, "an Adam step of v", "optax.adam", Cost(), rated=False)
